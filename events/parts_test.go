package events

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func partsOf(e *Event, data []byte, size int) []*BotPart {
	chunks := SplitData(data, size)
	parts := make([]*BotPart, len(chunks))
	for i, c := range chunks {
		parts[i] = &BotPart{Of: e.ID, Whole: e.Kind, Part: int64(i + 1), Parts: int64(len(chunks)), Data: c}
	}
	return parts
}

func TestParts_JoinInvertsSplit(t *testing.T) {
	t.Parallel()
	kinds := kindList()
	rapid.Check(t, func(t *rapid.T) {
		want := drawEvent(t, rapid.SampledFrom(kinds).Draw(t, "kind"))
		data := mustEncode(t, want)
		size := rapid.IntRange(-1, len(data)+10).Draw(t, "size")
		parts := partsOf(want, data, size)
		for _, p := range parts {
			if p.Data == "" || !utf8.ValidString(p.Data) {
				t.Fatalf("part %d of %d is %q", p.Part, p.Parts, p.Data)
			}
			if size >= utf8.UTFMax && len(p.Data) > size {
				t.Fatalf("part %d has %d bytes, want at most %d", p.Part, len(p.Data), size)
			}
			// A part travels as an event itself.
			carried := mustDecode(t, KindBotPart, mustEncode(t, &Event{Kind: KindBotPart, Payload: p}))
			*p = *carried.Payload.(*BotPart)
		}
		got, err := JoinParts(parts)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v %#v\nwant %#v %#v", got, got.Payload, want, want.Payload)
		}
	})
}

func TestJoinParts_Refusals(t *testing.T) {
	t.Parallel()
	whole := &Event{ID: "p-1", Kind: KindMessageLog, Payload: &MessageLog{Message: strings.Repeat("猫", 50)}}
	fresh := func() []*BotPart { return partsOf(whole, mustEncode(t, whole), 40) }
	for _, tt := range []struct {
		name    string
		parts   func() []*BotPart
		missing bool
	}{
		{"none", func() []*BotPart { return nil }, true},
		{"first missing", func() []*BotPart { return fresh()[1:] }, true},
		{"last missing", func() []*BotPart { p := fresh(); return p[:len(p)-1] }, true},
		{"out of order", func() []*BotPart { p := fresh(); p[0], p[1] = p[1], p[0]; return p }, true},
		{"of another event", func() []*BotPart { p := fresh(); p[1].Of = "p-2"; return p }, true},
		{"of another kind", func() []*BotPart { p := fresh(); p[1].Whole = KindUserLeft; return p }, true},
		{"damaged", func() []*BotPart { p := fresh(); p[0].Data = "x"; return p }, false},
	} {
		e, err := JoinParts(tt.parts())
		if err == nil || e != nil {
			t.Errorf("%s: joined", tt.name)
		} else if errors.Is(err, ErrPartMissing) != tt.missing {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
