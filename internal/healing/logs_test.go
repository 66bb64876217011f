package healing

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
)

// logs keeps what the parts tell an operator. A failed test shows it.
type logs struct {
	*slog.Logger
	mu   sync.Mutex
	buf  bytes.Buffer
	from int // what has looks at begins here
}

func newLogs(t *testing.T) *logs {
	l := &logs{}
	l.Logger = slog.New(slog.NewTextHandler(l, nil))
	t.Cleanup(func() {
		if t.Failed() || os.Getenv("HEALING_LOG") != "" {
			t.Logf("log:\n%s", l.tail(40))
		}
	})
	return l
}

// Write implements io.Writer.
func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// mark makes has look only at what is logged from now on.
func (l *logs) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.from = l.buf.Len()
}

// has reports whether a line contains all the parts.
func (l *logs) has(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()[l.from:]) {
		found := true
		for _, p := range parts {
			found = found && strings.Contains(line, p)
		}
		if found {
			return true
		}
	}
	return false
}

func (l *logs) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(l.buf.String(), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}
