package suitetalk

import (
	"log/slog"
	"reflect"
	"slices"
	"sync"

	"github.com/orderstream/orderstream/contracts/fault"
)

// login reads the account's credentials again: the files behind them are replaced while the service runs. What cannot be
// used is logged once per change and stands in nobody's way.
type login struct {
	read func() (Credentials, error) // nil: the credentials are fixed
	log  *slog.Logger

	mu      sync.Mutex
	seen    Credentials // that could not be used
	problem string
}

func newLogin(options Options) *login {
	log := options.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &login{read: options.Login, log: log}
}

// judge hears whether what was read can be used.
func (l *login) judge(c Credentials, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.problem = ""
		return
	}
	if err.Error() != l.problem || !reflect.DeepEqual(c, l.seen) {
		l.log.Warn("credentials that were read again cannot be used; those before stay", "code", fault.ConfigurationWrong, "error", err)
	}
	l.seen, l.problem = c, err.Error()
}

// accepted says that NetSuite took others than before.
func (l *login) accepted(field, id string) {
	l.log.Info("NetSuite accepts other credentials than before", field, id)
}

// candidates are the pairs to try: as they are read now; where something of them cannot be used, also as they were; at last
// the one that NetSuite accepted last, since files are replaced one after the other.
func (b *bearer) candidates() []pair {
	pairs := b.pairs
	if b.login.read != nil {
		pairs = b.reread()
	}
	if b.accepted != nil {
		pairs = append(slices.Clone(pairs), *b.accepted)
	}
	return without(pairs, nil)
}

func (b *bearer) reread() []pair {
	c, err := b.login.read()
	if err == nil {
		var pairs []pair
		if pairs, err = pairsOf(c); err == nil {
			b.pairs = pairs
		}
	}
	b.login.judge(c, err)
	if err == nil {
		return b.pairs
	}
	usable, _ := pairsOf(c)
	usable = slices.DeleteFunc(usable, func(p pair) bool { return p.client == "" || p.certificate == "" })
	return append(usable, b.pairs...)
}

// accept keeps the pair that gave a token.
func (b *bearer) accept(p pair) {
	if b.accepted != nil && !b.accepted.same(p) {
		b.login.accepted("certificate_id", p.certificate)
	}
	b.accepted = &p
}

// without gives each pair once, and none of those that were tried.
func without(pairs, tried []pair) []pair {
	var left []pair
	for _, p := range pairs {
		if !slices.ContainsFunc(tried, p.same) && !slices.ContainsFunc(left, p.same) {
			left = append(left, p)
		}
	}
	return left
}
