package outbound_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/bot/outbound"
	"rosey/streams"
)

// told keeps what a log says of errors and of their end.
type told struct {
	slog.Handler
	mu    sync.Mutex
	lines []string
}

func (h *told) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }
func (h *told) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h *told) WithGroup(string) slog.Handler                { return h }

func (h *told) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line)
	return nil
}

// about lists the lines that begin so.
func (h *told) about(prefix string) (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, line := range h.lines {
		if strings.HasPrefix(line, prefix) {
			list = append(list, line)
		}
	}
	return list
}

// What cannot be read may be a message that is on the wire. Nothing is sent then, which is
// said once; once it can be read again all that waits is sent, once.
func TestSender_AnUnreadableQueueIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	w.env.FillBucket(t, streams.OutboundBucket, "lounge.foreign")
	ids := w.send("one", "two")
	mend := w.env.DamageBlockOf(t, "KV_"+streams.OutboundBucket, 1, time.Second)
	w.queue = open(t, w.env, outbound.QueueConfig{}) // with the patience of that
	log := new(told)
	var tries atomic.Int64
	r := w.bot(options{change: func(c *outbound.SenderConfig) {
		c.Logger = slog.New(log)
		queue := c.Queue
		c.Queue = func(ctx context.Context) (*outbound.Queue, error) { tries.Add(1); return queue(ctx) }
	}}).joined()
	eventually(t, "the trouble is known", func() bool { return r.sender.Trouble() != nil })
	if lost := (*streams.UnreadableError)(nil); !errors.As(r.sender.Trouble(), &lost) || lost.Bucket != streams.OutboundBucket || lost.Seq == 0 {
		t.Errorf("the trouble is %v, want which value cannot be read", r.sender.Trouble())
	}
	eventually(t, "it is tried again", func() bool { return tries.Load() > 2 })
	lines := log.about("ERROR nothing is sent: the queue cannot be read")
	if len(lines) != 1 || !strings.Contains(lines[0], "nats kv del "+streams.OutboundBucket) || !strings.Contains(lines[0], "revision ") {
		t.Errorf("it is said %d times: %q; want once, with the revision and what to do", len(lines), lines)
	}
	w.shown()

	mend()
	for _, id := range ids {
		w.ends(id, outbound.Sent, "")
	}
	w.shown("one", "two")
	if err := r.sender.Trouble(); err != nil {
		t.Errorf("there is trouble still: %v", err)
	}
}

// So it is where the server passes over the value in silence.
func TestSender_AMessageThatIsPassedOverIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	ids := w.send("one", "the second of three", "three")
	mend := w.env.DamageValueOf(t, "KV_"+streams.OutboundBucket, []byte("the second of three"), time.Second)
	w.queue = open(t, w.env, outbound.QueueConfig{}) // with the patience of that
	log := new(told)
	var tries atomic.Int64
	r := w.bot(options{change: func(c *outbound.SenderConfig) {
		c.Logger = slog.New(log)
		queue := c.Queue
		c.Queue = func(ctx context.Context) (*outbound.Queue, error) { tries.Add(1); return queue(ctx) }
	}}).joined()
	eventually(t, "it is tried again", func() bool { return tries.Load() > 2 && r.sender.Trouble() != nil })
	lines := log.about("ERROR nothing is sent: the queue cannot be read")
	if len(lines) != 1 || !strings.Contains(lines[0], "key lounge.") {
		t.Errorf("it is said %d times: %q; want once, with the key", len(lines), lines)
	}
	if _, err := w.queue.Get(t.Context(), "", ids[1]); !errors.Is(err, streams.ErrUnreadable) {
		t.Errorf("asked for the message the queue says %v", err)
	}
	w.shown()

	mend()
	for _, id := range ids {
		w.ends(id, outbound.Sent, "")
	}
	w.shown("one", "the second of three", "three")
}
