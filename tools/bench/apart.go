package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/orderstream/orderstream/services/host/embednats"
)

// serveJetStream, as the only argument before a folder, makes this command a JetStream server until its input ends.
const serveJetStream = "serve-jetstream"

// serverApart runs JetStream as a process of its own, so that what this one holds is not the server's.
func serverApart(dir string) (url string, stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	server := exec.CommandContext(context.Background(), self, serveJetStream, dir)
	server.Stderr = os.Stderr
	input, err := server.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	output, err := server.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error { return errors.Join(input.Close(), server.Wait()) }
	url, err = bufio.NewReader(output).ReadString('\n')
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("JetStream server: %w", err), stop())
	}
	return strings.TrimSpace(url), stop, nil
}

// serve is the other process of serverApart.
func serve(dir string) error {
	server, err := embednats.Start(embednats.Options{Dir: dir, Listen: "127.0.0.1:0", Trust: true})
	if err != nil {
		return err
	}
	defer server.Stop()
	fmt.Println(server.URL())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
