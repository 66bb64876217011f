package events

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// SplitData cuts an encoded event into chunks of at most size bytes, never
// within a character: a chunk travels as JSON text. A chunk holds at least one
// character, so a size that holds none counts as the least that does.
func SplitData(data []byte, size int) []string {
	size = max(size, utf8.UTFMax)
	var chunks []string
	for len(data) > 0 {
		n := min(size, len(data))
		for n < len(data) && n > 1 && !utf8.RuneStart(data[n]) {
			n--
		}
		chunks = append(chunks, string(data[:n]))
		data = data[n:]
	}
	return chunks
}

// ErrPartMissing is returned by JoinParts when the parts at hand are not all.
var ErrPartMissing = errors.New("events: a part of the event is missing")

// JoinParts puts the parts of one event together, in the order of their
// numbers, and decodes the whole.
func JoinParts(parts []*BotPart) (*Event, error) {
	if len(parts) == 0 {
		return nil, ErrPartMissing
	}
	first := parts[0]
	var b strings.Builder
	for i, p := range parts {
		if p.Part != int64(i+1) || p.Of != first.Of || p.Parts != int64(len(parts)) || p.Whole != first.Whole {
			return nil, fmt.Errorf("%w: part %d of %s", ErrPartMissing, i+1, first.Of)
		}
		b.WriteString(p.Data)
	}
	e, err := Decode(first.Whole, []byte(b.String()))
	if err != nil {
		return nil, fmt.Errorf("events: join %d parts of %s: %w", len(parts), first.Of, err)
	}
	e.ID = first.Of
	return e, nil
}
