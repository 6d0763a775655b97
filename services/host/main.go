package host

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
)

// Exit codes of a process.
const (
	ExitDrained       = 0
	ExitFailed        = 1
	ExitConfiguration = 2
	ExitEnvironment   = 3
)

// Main runs units as a process: flags, configuration, start, SIGTERM, drain. It returns the exit code.
func Main(connect Connector, units ...Unit) int {
	path := flag.String("config", "orderstream.yaml", "configuration file")
	flag.Parse()
	c, err := config.Load(*path, os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return ExitConfiguration
	}
	log := NewLogger(c, os.Stderr)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return Run(ctx, c, log, connect, units...)
}

// Load reads a configuration file and lays environment variables over it.
func Load(path string, environ []string) (Config, error) { return config.Load(path, environ) }

// Probe reads every secret and file that a configuration refers to and reports what cannot be used.
func Probe(c Config) error { return c.Probe(config.Parts...) }

// Run starts the units, waits for ctx or a unit's end, and drains. It returns the exit code.
func Run(ctx context.Context, c Config, log *slog.Logger, connect Connector, units ...Unit) int {
	h, err := Start(ctx, c, log, connect, units...)
	if err != nil {
		log.Error("start failed", "code", fault.CodeOf(err), "error", err)
		return exitCode(err)
	}
	for name, address := range h.Addresses() {
		log.Info("listening", "service", name, "address", address)
	}
	failure := h.Wait(ctx)
	if err := errors.Join(failure, h.Stop()); err != nil {
		log.Error("stopped", "error", err)
		return ExitFailed
	}
	log.Info("drained")
	return ExitDrained
}

func exitCode(err error) int {
	switch fault.CodeOf(err) {
	case fault.ConfigurationWrong, fault.TopologyMismatch, fault.MappingInvalid:
		return ExitConfiguration
	default:
		return ExitEnvironment
	}
}

// NewLogger makes the process's logger as configured.
func NewLogger(c Config, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "text" {
		return slog.New(traced{slog.NewTextHandler(w, options)})
	}
	return slog.New(traced{slog.NewJSONHandler(w, options)})
}
