package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"rosey/events"
	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/embedded"
)

const previousUnknown = events.PreviousUnknown

// lookAtServer asks the server about itself and the stream.
func (e *examination) lookAtServer(ctx context.Context) {
	if e.cfg.Conn == nil {
		e.noServer()
		return
	}
	version := e.cfg.Conn.NATS().ConnectedServerVersion()
	if e.cfg.Stopped {
		e.ok(ServerReachable, "no server runs; its stream was opened to look at it")
	} else {
		e.ok(ServerReachable, "the server answers")
	}
	e.ok(ServerVersion, "NATS %s", version)
	e.ok(ServerJetStream, "JetStream is enabled")
	s, err := streams.Open(ctx, e.cfg.Conn)
	if err == nil {
		e.state, err = s.State(ctx)
	}
	if err != nil {
		e.noStream(err)
		return
	}
	e.cfg.stream = s
	e.ok(StreamUsable, "the stream %s is %s, seq=%d to seq=%d", streams.StreamName, e.state.Identity.ID, e.state.FirstSeq, e.state.LastSeq)
	e.ok(StreamEvents, "the subject of every kind of event leads to the stream")
	e.ok(StreamServices, "no stream captures a service subject")
	e.lookAtDefinition(ctx)
	e.lookAtSync()
	e.lookAtSize()
}

// noServer says why there is no connection.
func (e *examination) noServer() {
	err := e.cfg.ConnErr
	if err == nil {
		err = streams.ErrUnreachable
	}
	e.unknown(ProducersStream, "", "the stream could not be read")
	var damaged *embedded.DamagedError
	switch {
	case errors.As(err, &damaged):
		e.wrong(ServerReachable, damaged.Remedy(), "%v", damaged)
	case errors.Is(err, streams.ErrServerTooOld):
		e.ok(ServerReachable, "the server answers")
		e.wrong(ServerVersion, "a NATS server of version 2.10 or later", "%v", err)
	case errors.Is(err, streams.ErrNoJetStream):
		e.ok(ServerReachable, "the server answers")
		e.wrong(ServerJetStream, "start the NATS server with JetStream (nats-server -js), or enable it for this account", "%v", err)
	case errors.Is(err, installation.ErrNotSetUp):
		e.unknown(ServerReachable, "name the right --data folder, or start to record: rosey up https://cytu.be/r/YOURCHANNEL", "%v", err)
	case errors.Is(err, installation.ErrNoPort):
		e.unknown(ServerReachable, "start the running installation with --nats-port 0, or stop it first", "%v", err)
	case errors.Is(err, streams.ErrAuth), errors.Is(err, streams.ErrTLS):
		e.unknown(ServerReachable, "check the credentials", "%v", err)
	case errors.Is(err, streams.ErrUnreachable) && e.cfg.External:
		e.wrong(ServerReachable, "start the NATS server, or name the right one with --nats", "%v", err)
	default:
		e.unknown(ServerReachable, "try again, or look at the server's own log", "%v", err)
	}
}

// noStream says why the stream cannot be used.
func (e *examination) noStream(err error) {
	e.unknown(ProducersStream, "", "the stream could not be read")
	var capture *streams.CaptureError
	switch {
	case errors.As(err, &capture):
		e.wrong(StreamServices, "take that subject out of the stream: nats stream edit "+capture.Stream, "%v", err)
	case errors.Is(err, streams.ErrMisses):
		e.wrong(StreamEvents, "rosey stream setup", "%v", err)
	case errors.Is(err, streams.ErrNoStream), errors.Is(err, streams.ErrNoIdentity):
		remedy := "rosey stream setup"
		if e.tables != nil && e.tables.checkpoint.Seq > 0 || len(e.spooled) > 0 {
			remedy = "restore the stream from its backup first; only where there is none, and with a copy of the database kept: rosey stream setup"
		}
		e.wrong(StreamUsable, remedy, "%v", err)
	case errors.Is(err, streams.ErrRestoring):
		e.unknown(StreamUsable, "rosey restore DIR   (the same backup again: what was cut off is removed, and made anew)", "%v", err)
	case errors.Is(err, streams.ErrImporting):
		e.unknown(StreamUsable, "rosey import events DIR   (with the same archive: it goes on)", "%v", err)
	case errors.Is(err, streams.ErrPermission):
		e.unknown(StreamUsable, "use credentials that may look at the stream", "%v", err)
	default:
		e.unknown(StreamUsable, "try again, or look at the server's own log", "%v", err)
	}
}

func (e *examination) lookAtDefinition(ctx context.Context) {
	diffs, err := streams.Check(ctx, e.cfg.Conn, streams.StreamOptions{})
	if err != nil {
		e.unknown(StreamDefinition, "use credentials that may look at the stream", "%v", err)
		return
	}
	var wrong, extra []string
	remedy := "rosey stream setup"
	for _, d := range diffs {
		if d.Field == streams.FieldExtraSubjects {
			extra = append(extra, d.String())
			continue
		}
		if !d.Changeable {
			remedy = "rosey stream check   (lists each difference with its remedy)"
		}
		wrong = append(wrong, d.String())
	}
	switch {
	case len(wrong) > 0:
		e.wrong(StreamDefinition, remedy, "the stream differs from its definition: %s", strings.Join(wrong, "; "))
	case len(extra) > 0:
		e.ok(StreamDefinition, "the stream is as it is defined, and more: %s", strings.Join(extra, "; "))
	default:
		e.ok(StreamDefinition, "the stream is as it is defined")
	}
}

// lookAtSync says whether what is acknowledged is on the disk.
func (e *examination) lookAtSync() {
	lazy := e.cfg.Conn.NATS().ConnectedServerName() == streams.EmbeddedServerName(false)
	var notes, doubts []string
	for _, w := range e.cfg.Conn.Warnings() {
		if strings.Contains(w, "power cut") {
			doubts = append(doubts, w)
			continue
		}
		notes = append(notes, w)
	}
	switch {
	case len(doubts) == 0 && len(notes) == 0:
		e.ok(ServerSync, "what the server acknowledges is on the disk")
	case len(doubts) == 0:
		e.ok(ServerSync, "what the server acknowledges is on the disk, or on several servers; %s", strings.Join(notes, "; "))
	case lazy:
		e.wrong(ServerSync, "run the embedded server with its default, which syncs before it acknowledges", "%s", strings.Join(doubts, "; "))
	case e.cfg.TrustSync:
		e.ok(ServerSync, "no client can ask this server, and you vouch for it (--trust-sync): what it acknowledges is on the disk")
	default:
		e.unknown(ServerSync, "set sync_interval: always on that server and say so with --trust-sync, or use three replicas: rosey stream setup --replicas 3", "%s", strings.Join(doubts, "; "))
	}
}

// alarmAt is how full a stream may be before somebody has to do something.
const alarmAt = 0.8

func (e *examination) lookAtSize() {
	s := e.state
	info := &StreamInfo{
		ID: s.Identity.ID, FirstSeq: s.FirstSeq, LastSeq: s.LastSeq, Messages: s.Messages, Bytes: s.Bytes, MaxBytes: s.MaxBytes,
	}
	e.report.Stream = info
	if s.MaxBytes <= 0 {
		e.ok(StreamSize, "%s, no limit", humanize.IBytes(s.Bytes))
		return
	}
	text := fmt.Sprintf("%s of %s (%.1f %%)", humanize.IBytes(s.Bytes), humanize.IBytes(uint64(s.MaxBytes)), float64(s.Bytes)/float64(s.MaxBytes)*100)
	if full, ok := fullAt(s); ok {
		ms := full.UnixMilli()
		info.FullMS = &ms
		text += ", full on " + full.UTC().Format(time.DateOnly) + " at the rate so far"
	}
	if float64(s.Bytes) >= alarmAt*float64(s.MaxBytes) {
		e.wrong(StreamSize, "rosey stream setup --max-bytes SIZE with a larger size: a full stream takes nothing more", "the stream is nearly full: %s", text)
		return
	}
	e.ok(StreamSize, "%s", text)
}

// fullAt predicts when the stream reaches its limit. Less than an hour of events
// predicts nothing, and centuries are none of our business.
func fullAt(s streams.State) (time.Time, bool) {
	span := s.LastTime.Sub(s.FirstTime)
	if s.Messages == 0 || span < time.Hour || s.Bytes == 0 {
		return time.Time{}, false
	}
	left := float64(s.MaxBytes) - float64(s.Bytes)
	seconds := left / (float64(s.Bytes) / span.Seconds())
	if seconds > 100*365*24*3600 || math.IsNaN(seconds) {
		return time.Time{}, false
	}
	return s.LastTime.Add(time.Duration(max(seconds, 0) * float64(time.Second))), true
}
