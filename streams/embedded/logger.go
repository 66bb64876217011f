package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

// logBridge writes the NATS server's log to slog and remembers the first fatal
// message: the server expects its logger to end the process, which would take
// the bot and the projector with it.
type logBridge struct {
	log *slog.Logger

	mu    sync.Mutex
	first string
	fatal chan struct{}
	full  bool
	warns []string // the first of them: those of the start
}

// warnsKept is how many warnings are remembered.
const warnsKept = 100

var _ server.Logger = (*logBridge)(nil)

func newLogBridge(log *slog.Logger) *logBridge {
	return &logBridge{log: log, fatal: make(chan struct{})}
}

func (b *logBridge) write(level slog.Level, format string, args []any) {
	ctx := context.Background()
	if level < slog.LevelWarn && !b.log.Enabled(ctx, level) {
		return
	}
	text := strings.TrimSpace(fmt.Sprintf(format, args...))
	if level >= slog.LevelWarn && meansDiskFull(text) {
		b.mu.Lock()
		b.full = true
		b.mu.Unlock()
	}
	if level >= slog.LevelWarn {
		b.mu.Lock()
		if len(b.warns) < warnsKept {
			b.warns = append(b.warns, text)
		}
		b.mu.Unlock()
	}
	b.log.Log(ctx, level, text)
}

// said returns what the server warned of a stream.
func (b *logBridge) said(stream string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var about []string
	for _, text := range b.warns {
		if strings.Contains(text, stream) {
			about = append(about, text)
		}
	}
	return strings.Join(about, "; ")
}

// Noticef logs at debug: the server's notices are its start-up narration, and
// Server reports readiness itself.
func (b *logBridge) Noticef(format string, args ...any) { b.write(slog.LevelDebug, format, args) }

// Warnf logs at warn, except for the advice to hash passwords: ours is random,
// and its file is readable by its owner alone.
func (b *logBridge) Warnf(format string, args ...any) {
	level := slog.LevelWarn
	if strings.HasPrefix(format, "Plaintext passwords detected") {
		level = slog.LevelDebug
	}
	b.write(level, format, args)
}

// Errorf logs at error.
func (b *logBridge) Errorf(format string, args ...any) { b.write(slog.LevelError, format, args) }

// Debugf logs at debug.
func (b *logBridge) Debugf(format string, args ...any) { b.write(slog.LevelDebug, format, args) }

// Tracef drops the line: a protocol trace contains chat text.
func (b *logBridge) Tracef(string, ...any) {}

// Fatalf logs at error and hands the message to whoever waits for the start.
func (b *logBridge) Fatalf(format string, args ...any) {
	b.write(slog.LevelError, format, args)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.first == "" {
		b.first = strings.TrimSpace(fmt.Sprintf(format, args...))
		close(b.fatal)
	}
}

func (b *logBridge) fatalText() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.first
}

// sawDiskFull reports whether the server complained about a full disk.
func (b *logBridge) sawDiskFull() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.full
}

func meansDiskFull(text string) bool {
	text = strings.ToLower(text)
	for _, sign := range []string{"no space left", "disk full", "disk quota exceeded", "out of file", "out of storage"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
