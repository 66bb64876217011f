package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/internal/installation"
	"rosey/internal/suite"
	"rosey/streams/embedded"
)

// fuse is a context that ends by itself after it was asked a number of times
// whether it has: wherever the work is at that moment, it is interrupted there.
type fuse struct {
	context.Context
	end  context.CancelFunc
	left atomic.Int64
}

func newFuse(ctx context.Context, length int64) *fuse {
	f := &fuse{}
	f.Context, f.end = context.WithCancel(ctx)
	f.left.Store(length)
	return f
}

func (f *fuse) burn() {
	if f.left.Add(-1) < 0 {
		f.end()
	}
}

func (f *fuse) Done() <-chan struct{} { f.burn(); return f.Context.Done() }
func (f *fuse) Err() error            { f.burn(); return f.Context.Err() }

// TestStart_InterruptedAnywhereEndsQuietly interrupts each command at more and
// more distant points of its start. It ends with 0 and no complaint, and has
// closed what it had opened: the next one opens it at once.
func TestStart_InterruptedAnywhereEndsQuietly(t *testing.T) {
	t.Parallel()
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "watched"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(channel.Close)
	ports := []string{"--nats-port", "0", "--monitor-port", "off"}
	for name, args := range map[string][]string{
		"up":        append([]string{"up", channel.PageURL()}, ports...),
		"demo":      {"demo"},
		"server":    append([]string{"server"}, ports...),
		"bot":       {"bot", channel.PageURL()},
		"projector": {"projector"},
		"tail":      {"tail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for length := int64(0); length < 600; length += length + 1 {
				data := filepath.Join(t.TempDir(), "data")
				if name == "tail" { // without a stream there is nothing to start
					var out suite.Output
					if code := execute(t.Context(), append([]string{"server", "--for", "1ms", "--data", data}, ports...), &out, &out); code != 0 {
						t.Fatalf("exit code %d\n%s", code, out.String())
					}
				}
				ctx := newFuse(t.Context(), length)
				time.AfterFunc(time.Second, ctx.end) // at work by then, and asking no more
				var stdout, stderr suite.Output
				code := execute(ctx, append(slices.Clone(args), "--data", data, "--log-level", "error"), &stdout, &stderr)
				ctx.end()
				if code != 0 || strings.Contains(stderr.String(), "rosey:") {
					t.Errorf("interrupted after %d: exit code %d\n%s%s", length, code, stdout.String(), stderr.String())
				}
				checkReleased(t, installation.Dir(data))
			}
		})
	}
}

// checkReleased fails where somebody still holds the store of a data folder.
func checkReleased(t *testing.T, d installation.Dir) {
	t.Helper()
	if _, err := os.Stat(d.JetStream()); err != nil {
		return
	}
	s, err := embedded.Start(t.Context(), embedded.Config{StoreDir: d.JetStream(), NoListen: true, NoMonitor: true})
	if err != nil {
		t.Errorf("the store is not free: %v", err)
		return
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := d.Endpoint(); err == nil {
		t.Error("the endpoint file is left")
	}
}
