package notifier

import (
	"context"
	"errors"
	"net"
	"net/textproto"
	"strconv"

	"github.com/wneessen/go-mail"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/notifier/digest"
)

// email sends a notice as plain text through one SMTP server.
type email struct {
	host    string
	options []mail.Option
	from    string
	to      []string
}

// smtps is the port where TLS begins with the connection (RFC 8314).
const smtps = 465

func newEmail(path string, c config.Channel) (*email, error) {
	host, port, err := net.SplitHostPort(c.SMTP)
	number, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || host == "" {
		return nil, wrong(path+".smtp", c.SMTP, "want host:port", nil)
	}
	e := &email{host: host, from: c.From, to: c.To}
	policy, known := map[string]mail.TLSPolicy{"": mail.TLSMandatory, "mandatory": mail.TLSMandatory, "opportunistic": mail.TLSOpportunistic, "none": mail.NoTLS}[c.TLS]
	if !known {
		return nil, wrong(path+".tls", c.TLS, "want mandatory, opportunistic or none", nil)
	}
	e.options = []mail.Option{mail.WithPort(int(number)), mail.WithTimeout(sendTimeout), mail.WithTLSPolicy(policy)}
	if number == smtps {
		e.options = append(e.options, mail.WithSSL())
	}
	if c.Username != "" {
		password, err := secretOf(path+".password", c.Password)
		if err != nil {
			return nil, err
		}
		e.options = append(e.options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.Username), mail.WithPassword(password))
	}
	if len(c.To) == 0 {
		return nil, wrong(path+".to", "", "want at least one address", nil)
	}
	if _, err := e.compose(digest.Notice{}); err != nil {
		return nil, wrong(path+".from, "+path+".to", c.From, "want e-mail addresses", err)
	}
	return e, nil
}

func (e *email) send(ctx context.Context, n digest.Notice) error {
	message, err := e.compose(n)
	if err != nil {
		return fault.New(fault.ChannelRefused, "want e-mail addresses", fault.Because(err))
	}
	client, err := mail.NewClient(e.host, e.options...)
	if err != nil {
		return fault.New(fault.ChannelUnavailable, "want a mail client", fault.Because(err))
	}
	return judgeMail(client.DialAndSendWithContext(ctx, message))
}

func (e *email) compose(n digest.Notice) (*mail.Msg, error) {
	message := mail.NewMsg()
	if err := message.From(e.from); err != nil {
		return nil, err
	}
	if err := message.To(e.to...); err != nil {
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
