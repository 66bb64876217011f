package projector

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"rosey/schema"
)

// A projection folds facts into the rows of its own tables.
//
// Fold works in memory alone and is the only one that may reject an event. What
// it must know of rows already written is brought by load, once, and by prepare
// for each batch. Flush writes what the batch changed and forgets it.
type projection interface {
	load(ctx context.Context, q schema.Queryer) error
	prepare(ctx context.Context, q schema.Queryer, batch []*fact) error
	fold(f *fact) error
	flush(ctx context.Context, w *writer) error
}

// definition is what the list below says of a projection.
type definition struct {
	name string
	// version changes whenever the same events give other rows.
	version int
	make    func() projection
}

// definitions is the list of all projections. The order is that of folding; no
// projection reads another's state.
var definitions = []definition{
	{"chat", 1, newChat},
	{"users", 2, newUsers},
	{"channel", 2, newChannel},
	{"media", 1, newMedia},
	{"playlist", 1, newPlaylist},
	{"polls", 2, newPolls},
	{"outbound", 3, newOutbound},
	{"bot", 1, newBot},
	{"operator", 1, newOperator},
}

// Fingerprint identifies everything beside the stream that the rows depend on.
func Fingerprint(defaultChannel string) (string, error) {
	parts := []string{fmt.Sprintf("decoder %d", DecoderVersion), "default channel " + defaultChannel}
	for _, d := range definitions {
		parts = append(parts, fmt.Sprintf("projection %s %d", d.name, d.version))
	}
	return schema.Fingerprint(parts...)
}

// foldError says which event a projection rejected.
type foldError struct {
	seq     uint64
	failure Failure
}

func (e *foldError) Error() string {
	return fmt.Sprintf("fold seq=%d: %s: %s", e.seq, e.failure.Class, e.failure.Reason)
}

// safeFold turns a panic into a rejection: one event must not stop the rest.
func safeFold(name string, p projection, f *fact) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &foldError{f.seq, Failure{ClassFold, fmt.Sprintf("projection %s: panic: %v%s", name, r, origin(debug.Stack()))}}
		}
	}()
	if err := p.fold(f); err != nil {
		return &foldError{f.seq, Failure{ClassFold, fmt.Sprintf("projection %s: %v", name, err)}}
	}
	return nil
}

// origin names the line of this package where a panic began. Addresses are left
// out: the reason is a row, and rows do not differ between two runs.
func origin(stack []byte) string {
	lines := strings.Split(string(stack), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "panic(") {
			for _, at := range lines[i+1:] {
				if file, _, ok := strings.Cut(strings.TrimSpace(at), " +0x"); ok && strings.Contains(file, "/projector/") {
					return " at " + file[strings.LastIndex(file, "/")+1:]
				}
			}
		}
	}
	return ""
}
