package measure

import (
	"bytes"
	"testing"

	"rosey/events"
)

func TestGenerator_IsDeterministicAndOfRealisticSize(t *testing.T) {
	t.Parallel()
	const n = 100_000
	one, two := NewGenerator(), NewGenerator()
	kinds, bytesInAll := map[events.Kind]int{}, 0
	for i := range n {
		a, err := one.Message()
		if err != nil {
			t.Fatal(err)
		}
		b, err := two.Message()
		if err != nil {
			t.Fatal(err)
		}
		if a.MsgID != b.MsgID || !bytes.Equal(a.Data, b.Data) {
			t.Fatalf("event %d: %s and %s", i, a.Data, b.Data)
		}
		kind, _, ok := events.ParseSubject(a.Subject)
		if !ok {
			t.Fatalf("event %d has the subject %s", i, a.Subject)
		}
		if _, err := events.Decode(kind, a.Data); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		kinds[kind]++
		bytesInAll += len(a.Data)
	}
	if mean := bytesInAll / n; mean < 190 || mean > 340 {
		t.Errorf("mean size is %d bytes, want 190 to 340", mean)
	}
	if share := float64(kinds[events.KindMessageLog]) / n; share < 0.5 || share > 0.65 {
		t.Errorf("share of chat is %.2f, want 0.50 to 0.65", share)
	}
	t.Logf("%d bytes on average, %v", bytesInAll/n, kinds)
}
