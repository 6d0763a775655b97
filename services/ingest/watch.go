package ingest

import (
	"context"
	"strconv"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/ingest/doorlog"
)

const watchEvery = 250 * time.Millisecond // a look at the door log's figures costs nothing

// words say what a state of the door log means, for the log and for people.
var words = map[doorlog.State]string{
	doorlog.StateWarn:   "door log nearly full: once it is full, deliveries are refused",
	doorlog.StateFull:   "door log full, or its disk does not answer: deliveries are refused with 503",
	doorlog.StateFailed: "door log failed: deliveries are refused with 503 until it is opened again",
}

// watch tells when the door log changes its state, whether or not a delivery comes meanwhile.
func (s *Service) watch(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	last := doorlog.StateOK
	for {
		if stats := s.doorLog.Stats(); stats.State != last {
			last = stats.State
			s.tell(stats)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Service) tell(stats doorlog.Stats) {
	word, bad := words[stats.State]
	if !bad {
		s.log.Info("door log has room again", "records", stats.Records, "free", stats.Free)
		return
	}
	code := fault.DoorLogFull
	if stats.State == doorlog.StateFailed {
		code = fault.DoorLogFailed
	}
	s.log.Warn(word, "code", code, "records", stats.Records, "bytes", stats.Bytes, "free", stats.Free)
	s.alerts.Raise(event.AlertDoorLog, "", code, word, map[string]string{
		"state": string(stats.State), "records": strconv.Itoa(stats.Records), "bytes": strconv.FormatInt(stats.Bytes, 10), "free": strconv.FormatUint(stats.Free, 10),
	})
}
