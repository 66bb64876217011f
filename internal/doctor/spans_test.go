package doctor

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// list is a set written out, as far as a test goes.
func (s spans) list() []uint64 {
	var out []uint64
	for _, r := range s {
		for n := r[0]; n <= r[1]; n++ {
			out = append(out, n)
		}
	}
	return out
}

// touching reports whether two runs could be one.
func (s spans) touching() bool {
	for i := 1; i < len(s); i++ {
		if s[i][0] <= s[i-1][1]+1 {
			return true
		}
	}
	return false
}

func drawSet(t *rapid.T, name string) (spans, []uint64) {
	seqs := rapid.SliceOfN(rapid.Uint64Range(1, 40), 0, 60).Draw(t, name)
	var s spans
	have := map[uint64]bool{}
	for _, n := range seqs {
		fresh, fits := s.add(n)
		if fresh == have[n] || !fits {
			t.Fatalf("add %d: fresh %v, fits %v, it was there: %v", n, fresh, fits, have[n])
		}
		have[n] = true
	}
	var want []uint64
	for n := range have {
		want = append(want, n)
	}
	slices.Sort(want)
	return s, want
}

func TestSpans_AreTheSetOfWhatWasAdded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, inA := drawSet(t, "a")
		b, inB := drawSet(t, "b")
		var minus, plus, gaps []uint64
		last := uint64(0)
		if len(inA) > 0 {
			last = inA[len(inA)-1]
		}
		for n := uint64(1); n <= 40; n++ {
			switch {
			case slices.Contains(inA, n) && !slices.Contains(inB, n):
				minus = append(minus, n)
			case !slices.Contains(inA, n) && n < last:
				gaps = append(gaps, n)
			}
			if slices.Contains(inA, n) || slices.Contains(inB, n) {
				plus = append(plus, n)
			}
		}
		for what, tt := range map[string]struct {
			got  spans
			want []uint64
		}{
			"the set": {a, inA}, "minus": {a.minus(b), minus}, "plus": {a.plus(b), plus}, "gaps": {a.gaps(), gaps},
		} {
			if got := tt.got.list(); !slices.Equal(got, tt.want) || tt.got.touching() || tt.got.size() != uint64(len(tt.want)) {
				t.Fatalf("%s of %v and %v is %v (%v), want %v", what, inA, inB, got, tt.got, tt.want)
			}
		}
	})
}

func TestSpans_DoNotFillTheMemory(t *testing.T) {
	t.Parallel()
	var s spans
	for n := range uint64(3 * maxSpans) {
		fresh, fits := s.add(2*n + 1)
		if !fresh || fits != (n < maxSpans) {
			t.Fatalf("number %d: fresh %v, fits %v", n, fresh, fits)
		}
	}
	if len(s) != maxSpans {
		t.Errorf("%d runs are kept, want %d", len(s), maxSpans)
	}
}
