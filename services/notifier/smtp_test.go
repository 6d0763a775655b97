package notifier

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailbox is a mail server on loopback: EHLO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA.
type mailbox struct {
	address string
	tls     *tls.Config // nil: no STARTTLS
	login   string      // "user password"; empty: no AUTH
	refuse  map[string]string
	arrived chan letter

	mu       sync.Mutex
	commands []string
}

type letter struct {
	from   string
	to     []string
	text   string
	secure bool
	login  string
}

func newMailbox(t *testing.T, set func(m *mailbox)) *mailbox {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailbox{address: listener.Addr().String(), tls: trusted, arrived: make(chan letter, 100), refuse: map[string]string{}}
	if set != nil {
		set(m)
	}
	var open sync.WaitGroup
	t.Cleanup(func() { listener.Close(); open.Wait() })
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { defer conn.Close(); m.serve(conn) })
		}
	})
	return m
}

func (m *mailbox) next(t *testing.T) letter {
	t.Helper()
	select {
	case l := <-m.arrived:
		return l
	case <-time.After(20 * time.Second):
		t.Fatal("no e-mail came")
		return letter{}
	}
}

func (m *mailbox) saw(command string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.commands {
		if strings.HasPrefix(c, command) {
			return true
		}
	}
	return false
}

// session is one connection to a mailbox.
type session struct {
	*mailbox
	conn   net.Conn
	lines  *textproto.Reader
	letter letter
}

func (m *mailbox) serve(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	s := &session{mailbox: m, conn: conn, lines: textproto.NewReader(bufio.NewReader(conn))}
	s.say("220 mailbox")
	for {
		line, err := s.lines.ReadLine()
		if err != nil || !s.obey(line) {
			return
		}
	}
}

func (s *session) say(line string) { _, _ = io.WriteString(s.conn, line+"\r\n") }

// obey answers one command; false ends the session.
func (s *session) obey(line string) bool {
	s.mu.Lock()
	s.commands = append(s.commands, line)
	s.mu.Unlock()
	verb, rest, _ := strings.Cut(line, " ")
	if reply := s.refuse[verb]; reply != "" {
		s.say(reply)
		return true
	}
	switch verb {
	case "EHLO":
		s.greet()
	case "STARTTLS":
		s.say("220 go on")
		secured := tls.Server(s.conn, s.tls)
		s.conn, s.lines = secured, textproto.NewReader(bufio.NewReader(secured))
		s.letter.secure = true
		return secured.Handshake() == nil
	case "AUTH":
		s.authenticate(rest)
	case "MAIL":
		s.letter.from = between(rest)
		s.say("250 ok")
	case "RCPT":
		if reply := s.refuse[between(rest)]; reply != "" {
			s.say(reply)
			return true
		}
		s.letter.to = append(s.letter.to, between(rest))
		s.say("250 ok")
	case "DATA":
		s.data()
	case "QUIT":
		s.say("221 bye")
		return false
	case "RSET":
		s.letter.to = nil
		s.say("250 ok")
	default:
		s.say("250 ok")
	}
	return true
}

func (s *session) greet() {
	s.say("250-mailbox")
	if s.tls != nil && !s.letter.secure {
		s.say("250-STARTTLS")
	}
	if s.login != "" {
		s.say("250-AUTH PLAIN")
	}
	s.say("250 8BITMIME")
}

func (s *session) authenticate(rest string) {
	_, encoded, _ := strings.Cut(rest, " ")
	plain, err := base64.StdEncoding.DecodeString(encoded)
	s.letter.login = strings.Join(strings.Split(strings.TrimPrefix(string(plain), "\x00"), "\x00"), " ")
	if err != nil || s.letter.login != s.login {
		s.say("535 5.7.8 credentials invalid")
		return
	}
	s.say("235 ok")
}

func (s *session) data() {
	s.say("354 go on")
	text, err := io.ReadAll(s.lines.DotReader())
	if err != nil {
		return
	}
	s.letter.text = string(text)
	s.arrived <- s.letter
	s.letter.to = nil
	s.say("250 kept")
}

func between(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

// trusted is what mail servers show; the process trusts it. stranger is trusted by nobody.
var trusted, stranger *tls.Config

// TestMain makes the process trust the certificate of the tests' mail servers the way an operator does.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "notifier")
	if err == nil {
		err = trust(filepath.Join(dir, "ca.pem"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func trust(path string) error {
	shown, err := certificate()
	if err != nil {
		return err
	}
	other, err := certificate()
	if err != nil {
		return err
	}
	trusted, stranger = &tls.Config{Certificates: []tls.Certificate{shown}}, &tls.Config{Certificates: []tls.Certificate{other}}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: shown.Certificate[0]}), 0o600); err != nil {
		return err
	}
	return os.Setenv("SSL_CERT_FILE", path)
}

func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "mailbox " + serial.String()}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
