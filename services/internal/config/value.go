package config

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// UnmarshalText reads "1m30s" or "400d".
func (d *Duration) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 36500 {
			return fmt.Errorf("duration %q: want whole days, e.g. \"400d\"", text)
		}
		*d = Duration(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	span, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("duration %q: want e.g. \"1m30s\" or \"400d\"", text)
	}
	*d = Duration(span)
	return nil
}

// MarshalText writes the duration as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Secret is a reference to a secret: "env:NAME" or "file:/path". It never prints what it refers to; the
// value is fetched where it is used.
type Secret struct{ reference string }

// SecretOf makes a secret of its reference.
func SecretOf(reference string) Secret { return Secret{reference} }

// IsSet tells whether there is a reference.
func (s Secret) IsSet() bool { return s.reference != "" }

// String shows the reference, never the value.
func (s Secret) String() string { return s.reference }

// MarshalText shows the reference, never the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.reference), nil }

// UnmarshalText takes a reference. A value written out in the file is refused and not repeated.
func (s *Secret) UnmarshalText(text []byte) error {
	reference := string(text)
	if reference != "" && !strings.HasPrefix(reference, "env:") && !strings.HasPrefix(reference, "file:") {
		return errors.New(`secret: want a reference "env:NAME" or "file:/path", not the secret itself`)
	}
	s.reference = reference
	return nil
}

// Value fetches the secret; one trailing line break of a file is dropped.
func (s Secret) Value() (string, error) {
	if name, ok := strings.CutPrefix(s.reference, "env:"); ok {
		value, set := os.LookupEnv(name)
		if !set {
			return "", fmt.Errorf("secret env:%s: the variable is not set", name)
		}
		return value, nil
	}
	path, ok := strings.CutPrefix(s.reference, "file:")
	if !ok {
		return "", errors.New("secret: no reference")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("secret file:%s: %w", path, err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

// Text is written out, or a reference as a secret has it: for what is no secret but is replaced together with one, e.g.
// the id of a key.
type Text string

// Value gives the text, or fetches what the reference refers to. More than one line is refused: it may be a key, and a
// text may be shown.
func (t Text) Value() (string, error) {
	if !strings.HasPrefix(string(t), "env:") && !strings.HasPrefix(string(t), "file:") {
		return string(t), nil
	}
	value, err := SecretOf(string(t)).Value()
	if err != nil {
		return "", err
	}
	if value = strings.TrimSpace(value); value == "" || strings.ContainsAny(value, "\r\n") {
		return "", fmt.Errorf("%s: want one line of text", t)
	}
	return value, nil
}
