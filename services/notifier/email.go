package notifier

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strconv"

	"github.com/wneessen/go-mail"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/notifier/digest"
)

// email sends a notice as plain text to one address through one SMTP server.
type email struct {
	host    string
	options []mail.Option
	secure  bool // TLS begins with the connection
	from    string
	to      string
}

// smtps is the port where TLS begins with the connection (RFC 8314).
const smtps = 465

var policies = map[string]mail.TLSPolicy{"": mail.TLSMandatory, "mandatory": mail.TLSMandatory, "opportunistic": mail.TLSOpportunistic, "none": mail.NoTLS}

// newEmails makes an email per address and reports every mistake of the channel at once.
func newEmails(path string, c config.Channel) ([]*email, error) {
	host, port, err := serverOf(path, c)
	problems := []error{err}
	policy, known := policies[c.TLS]
	if !known {
		problems = append(problems, wrong(path+".tls", c.TLS, "want mandatory, opportunistic or none", nil))
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(sendTimeout), mail.WithTLSPolicy(policy)}
	if port == smtps {
		options = append(options, mail.WithSSL())
	}
	if c.Username != "" {
		password, err := secretOf(path+".password", c.Password)
		problems = append(problems, err)
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.Username), mail.WithPassword(password))
	}
	problems = append(problems, addresses(path, c))
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	list := make([]*email, 0, len(c.To))
	for _, to := range c.To {
		list = append(list, &email{host, options, port == smtps, c.From, to})
	}
	return list, nil
}

func serverOf(path string, c config.Channel) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(c.SMTP)
	number, bad := strconv.ParseUint(text, 10, 16)
	if err != nil || bad != nil || host == "" || number == 0 {
		return "", 0, wrong(path+".smtp", c.SMTP, "want host:port", nil)
	}
	return host, int(number), nil
}

func addresses(path string, c config.Channel) error {
	var problems []error
	if err := mail.NewMsg().From(c.From); err != nil {
		problems = append(problems, wrong(path+".from", c.From, "want an e-mail address", err))
	}
	if len(c.To) == 0 {
		problems = append(problems, wrong(path+".to", "", "want at least one address", nil))
	}
	for i, to := range c.To {
		if err := mail.NewMsg().To(to); err != nil {
			problems = append(problems, wrong(fmt.Sprintf("%s.to.%d", path, i), to, "want an e-mail address", err))
		}
	}
	return errors.Join(problems...)
}

func (e *email) send(ctx context.Context, n digest.Notice) error {
	message, err := e.compose(n)
	if err != nil {
		return fault.New(fault.ChannelRefused, "want e-mail addresses", fault.Because(err))
	}
	line := &line{}
	defer line.close()
	client, err := mail.NewClient(e.host, append(slices.Clip(e.options), line.option(e.secure)...)...)
	if err != nil {
		return fault.New(fault.ChannelUnavailable, "want a mail client", fault.Because(err))
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return judgeMail(err)
	}
	// A goodbye that fails changes nothing: it must not send again what was taken.
	defer func() { _ = client.CloseWithSMTPClient(session) }()
	return judgeMail(client.SendWithSMTPClient(session, message))
}

// line is the connection of one try. The library leaves it open when greeting, STARTTLS or login fail.
type line struct{ net.Conn }

// option makes the library dial through l; where TLS begins with the connection it dials by itself.
func (l *line) option(secure bool) []mail.Option {
	if secure {
		return nil
	}
	return []mail.Option{mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		l.Conn = conn
		return conn, err
	})}
}

func (l *line) close() {
	if l.Conn != nil {
		_ = l.Close()
	}
}

func (e *email) compose(n digest.Notice) (*mail.Msg, error) {
	message := mail.NewMsg()
	if err := message.From(e.from); err != nil {
		return nil, err
	}
	if err := message.To(e.to); err != nil {
		return nil, err
	}
	message.Subject("[orderstream] " + title(n))
	// The same id at every try, so that a mailbox can tell a repeat.
	message.SetMessageIDWithValue(n.Key + "@orderstream.invalid")
	message.SetDateWithValue(n.Last)
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic answers
	message.SetBodyString(mail.TypeTextPlain, text(n))
	return message, nil
}

// judgeMail: a permanent answer to the message itself (5xx) is a refusal. Wrong credentials are not: the
// message is good, and the server takes it once they are put right.
func judgeMail(err error) error {
	if err == nil {
		return nil
	}
	var refused *mail.SendError
	if errors.As(err, &refused) && !refused.IsTemp() && permanent(refused) {
		return fault.New(fault.ChannelRefused, "the mail server must take the message", fault.Field("status", strconv.Itoa(refused.ErrorCode())))
	}
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return fault.New(fault.ChannelUnavailable, "the mail server must take the message", fault.Field("status", strconv.Itoa(answer.Code)))
	}
	return fault.New(fault.ChannelUnavailable, "the mail server must answer", fault.Because(err))
}

func permanent(e *mail.SendError) bool { return e.ErrorCode() >= 500 && e.ErrorCode() < 600 }
