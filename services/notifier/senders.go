package notifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/notifier/digest"
)

type named struct {
	name   string
	sender sender
}

// senders makes the senders of every channel in use and reports every mistake at once.
func senders(c config.Config, log *slog.Logger) ([]named, error) {
	names := c.Notifier.Channels
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(c.Channels))
	}
	if len(names) == 0 {
		return []named{{"log", journal{log}}}, nil
	}
	var list []named
	var problems []error
	for _, name := range names {
		made, err := sendersOf(name, c.Channels[name], log)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		list = append(list, made...)
	}
	return list, errors.Join(problems...)
}

// sendersOf makes one sender, or one per address of an e-mail channel: an address that is refused keeps nobody
// else from being told.
func sendersOf(name string, c config.Channel, log *slog.Logger) ([]named, error) {
	path := "channels." + name
	switch c.Kind {
	case "webhook":
		w, err := newWebhook(path, c)
		return []named{{name, w}}, err
	case "email":
		mails, err := newEmails(path, c)
		var list []named
		for i, m := range mails {
			list = append(list, named{fmt.Sprintf("%s-%d", name, i+1), m})
		}
		return list, err
	case "log":
		return []named{{name, journal{log}}}, nil
	default:
		return nil, wrong(path+".kind", c.Kind, "want webhook, email or log", nil)
	}
}

// wrong is a mistake in the configuration; the value is never a secret's.
func wrong(path, value, rule string, cause error) error {
	return fault.New(fault.ConfigurationWrong, rule, fault.Field(path, value), fault.Because(cause))
}

func secretOf(path string, s config.Secret) (string, error) {
	value, err := s.Value()
	if err == nil && value == "" {
		err = errors.New("the secret is empty")
	}
	if err != nil {
		return "", wrong(path, s.String(), "want a secret that can be read", err)
	}
	return value, nil
}

// journal tells in the log.
type journal struct{ log *slog.Logger }

func (j journal) send(ctx context.Context, n digest.Notice) error {
	j.log.WarnContext(ctx, "notice: "+title(n), "notice", n.Key, "part", n.Part, "origin", n.Origin, "name", n.Name, "code", n.Code, "class", n.Class, "store", n.Store,
		"summary", n.Summary, "field", n.Field, "value", n.Value, "rule", n.Rule, "count", n.Count, "open", n.Open, "failures", fmt.Sprint(n.IDs), "runbook", runbook(n))
	return nil
}
