package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// result is what a load run showed.
type result struct {
	count int
	took  time.Duration
	times []time.Duration // sorted; one per request
}

func (r result) rate() float64 { return float64(r.count) / r.took.Seconds() }

// quantile of the latencies, 0 < q < 1.
func (r result) quantile(q float64) time.Duration {
	if len(r.times) == 0 {
		return 0
	}
	return r.times[min(int(q*float64(len(r.times))), len(r.times)-1)]
}

func finish(started time.Time, times []time.Duration) result {
	took := time.Since(started)
	slices.Sort(times)
	return result{len(times), took, times}
}

// closed sends every delivery over as many kept connections, each one request after the other.
func closed(address string, connections int, list []delivery) (result, error) {
	return drive(address, connections, list, func(int) time.Time { return time.Now() })
}

// open sends at a fixed rate whatever the answers do; latency counts from the intended time of sending, so
// that a stall is charged to all whom it keeps waiting.
func open(address string, connections int, perSecond float64, list []delivery) (result, error) {
	first := time.Now().Add(50 * time.Millisecond)
	return drive(address, connections, list, func(i int) time.Time {
		at := first.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		time.Sleep(time.Until(at))
		return at
	})
}

// drive sends list in order; due waits until request i is to be sent and gives the time it counts from.
func drive(address string, connections int, list []delivery, due func(i int) time.Time) (result, error) {
	conns := make([]*client, connections)
	for i := range conns {
		c, err := dial(address)
		if err != nil {
			return result{}, err
		}
		defer c.conn.Close()
		conns[i] = c
	}
	times := make([]time.Duration, len(list))
	problems := make([]error, connections)
	var next atomic.Int64
	var running sync.WaitGroup
	started := time.Now()
	for n, c := range conns {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(list)); i = next.Add(1) - 1 {
				from := due(int(i))
				if problems[n] = c.send(list[i].wire); problems[n] != nil {
					return
				}
				times[i] = time.Since(from)
			}
		})
	}
	running.Wait()
	return finish(started, times), errors.Join(problems...)
}

// client is one kept connection. It speaks just enough HTTP/1.1 to cost little beside the server, with which it
// shares the processors.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
}

// exchangeLimit bounds one request and its answer.
const exchangeLimit = 60 * time.Second

func dial(address string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn)}, nil
}

// send gives nil for a 200.
func (c *client) send(wire []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return err
	}
	if _, err := c.conn.Write(wire); err != nil {
		return err
	}
	status, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answer %q: want 200", bytes.TrimSpace(status))
	}
	return c.skip()
}

var lengthHeader = []byte("Content-Length: ")

// skip reads the head and body of an answer.
func (c *client) skip() error {
	length := 0
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if value, is := bytes.CutPrefix(line, lengthHeader); is {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return fmt.Errorf("Content-Length %q: %w", value, err)
			}
		}
	}
	_, err := io.CopyN(io.Discard, c.reader, int64(length))
	return err
}
