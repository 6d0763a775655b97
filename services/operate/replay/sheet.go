package replay

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/orderstream/orderstream/contracts/codec"
)

// sheet keeps changes, one JSON document a line, in a file that has no name: it is gone with the plan.
type sheet struct {
	file *os.File
	buf  *bufio.Writer
	sum  [sha256.Size]byte
	n    int
	err  error
}

func newSheet() (*sheet, error) {
	file, err := os.CreateTemp("", "orderstream-plan-*")
	if err != nil {
		return nil, fmt.Errorf("keep the changes of a plan: %w", err)
	}
	_ = os.Remove(file.Name()) // where an open file keeps its name, it stays
	return &sheet{file: file, buf: bufio.NewWriter(file)}, nil
}

func (s *sheet) add(c Change) {
	line, err := codec.Encode(c)
	if err == nil {
		line = append(line, '\n')
		_, err = s.buf.Write(line)
	}
	s.err = errors.Join(s.err, err)
	s.seal(line)
}

// seal takes a change into the sum as it is shown: with its effect, its records and each of its values. The sum does not
// depend on the order in which changes come.
func (s *sheet) seal(line []byte) {
	for i, b := range sha256.Sum256(line) {
		s.sum[i] ^= b
	}
	s.n++
}

func (s *sheet) flush() error { return errors.Join(s.err, s.buf.Flush()) }

// all reads the changes; several may read at once.
func (s *sheet) all() iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for line, err := range s.lines() {
			var c Change
			if err == nil {
				c, err = codec.Decode[Change](line)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

func (s *sheet) lines() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if s == nil {
			return
		}
		reader := bufio.NewReader(s.reader())
		for {
			line, err := reader.ReadBytes('\n')
			if errors.Is(err, io.EOF) || !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// reader reads the lines as they are kept.
func (s *sheet) reader() io.Reader { return io.NewSectionReader(s.file, 0, 1<<62) }

// take fills a sheet with lines that were kept.
func (s *sheet) take(from io.Reader) error {
	if _, err := io.Copy(s.buf, from); err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return err
	}
	for line, err := range s.lines() {
		if err != nil {
			return err
		}
		s.seal(line)
	}
	return nil
}

// hash names exactly what applying would write, and what it was shown to do in NetSuite: the same history and the same
// candidate give the same hash, until an order stands otherwise in NetSuite.
func (p Plan) hash() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d %x", p.Mapping, p.Revision, p.sheet.n, p.sheet.sum))
	return hex.EncodeToString(sum[:8])
}
