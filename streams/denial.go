package streams

import (
	"errors"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// denials keeps the latest permission violations. The server reports them apart
// from the request, which only times out.
type denials struct {
	mu   sync.Mutex
	last [16]*PermissionError
	n    uint64
}

func (d *denials) add(e *PermissionError) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last[d.n%uint64(len(d.last))] = e
	d.n++
}

// mark returns a point in time to ask from with since.
func (d *denials) mark() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n
}

// since returns the newest violation after mark that match accepts.
func (d *denials) since(mark uint64, match func(subject string) bool) *PermissionError {
	d.mu.Lock()
	defer d.mu.Unlock()
	oldest := mark
	if size := uint64(len(d.last)); d.n > size {
		oldest = max(oldest, d.n-size)
	}
	for i := d.n; i > oldest; i-- {
		if e := d.last[(i-1)%uint64(len(d.last))]; match(e.Subject) {
			return e
		}
	}
	return nil
}

// parseDenial reads nats.go's text of a permission violation, nil for another
// error: `…: Permissions Violation for Publish to "subject"`.
func parseDenial(err error) *PermissionError {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return nil
	}
	text := err.Error()
	e := &PermissionError{Operation: "publish", Subject: text}
	if strings.Contains(strings.ToLower(text), "subscription to") {
		e.Operation = "subscribe"
	}
	if _, rest, ok := strings.Cut(text, `"`); ok {
		if subject, _, ok := strings.Cut(rest, `"`); ok {
			e.Subject = subject
		}
	}
	return e
}
