package embedded

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/minio/highwayhash"
)

// recordOf is a record as the server writes it to the first block of the stream S.
func recordOf(t *testing.T, seq uint64) []byte {
	t.Helper()
	key := sha256.Sum256([]byte("S-1"))
	sum, err := highwayhash.New64(key[:])
	if err != nil {
		t.Fatal(err)
	}
	const subject, text = "subject", "text"
	raw := binary.LittleEndian.AppendUint32(nil, uint32(recordHead+len(subject)+len(text)+recordSum))
	raw = binary.LittleEndian.AppendUint64(raw, seq)
	raw = binary.LittleEndian.AppendUint64(raw, 1) // the time
	raw = binary.LittleEndian.AppendUint16(raw, uint16(len(subject)))
	raw = append(raw, subject+text...)
	sum.Write(raw[recordHashFrom:subjectLenAt])
	sum.Write(raw[recordHead:])
	return sum.Sum(raw)
}

func TestCheckGaps_RefusesNothingElse(t *testing.T) {
	t.Parallel()
	const distant = 5 * gapLimit
	first, next := recordOf(t, 7), recordOf(t, 8)
	badly := func(seq uint64) []byte {
		raw := slices.Clone(next)
		binary.LittleEndian.PutUint64(raw[sequenceAt:], seq)
		return raw
	}
	tests := map[string]struct {
		block [][]byte
		bad   bool
	}{
		"as it was written":          {[][]byte{first, next}, false},
		"a gap that was written":     {[][]byte{first, recordOf(t, distant), recordOf(t, distant+1)}, false},
		"a tombstone":                {[][]byte{first, recordOf(t, 3|1<<62), next}, false},
		"one that was erased":        {[][]byte{first, recordOf(t, 8|1<<63), recordOf(t, 9)}, false},
		"the end torn off":           {[][]byte{first, next[:len(next)-5]}, false},
		"the end is a head torn off": {[][]byte{first, badly(distant)[:recordHead+3]}, false},
		"zeros at the end":           {[][]byte{first, next, make([]byte, 4096)}, false},
		"a text that is not":         {[][]byte{first, append(slices.Clone(next[:len(next)-1]), next[len(next)-1]^1)}, false},
		"a sequence near by":         {[][]byte{first, badly(9), recordOf(t, 9)}, false},
		"a sequence far away":        {[][]byte{first, badly(distant), recordOf(t, 9)}, true},
		"the last one far away":      {[][]byte{first, badly(distant)}, true},
		"far away, and with markers": {[][]byte{first, badly(distant | 3<<62), recordOf(t, 9)}, true},
		"in a compressed block":      {[][]byte{[]byte(blockHeader), {200}, first, badly(distant)}, false},
	}
	for name, test := range tests {
		path := filepath.Join(t.TempDir(), "1"+blockSuffix)
		if err := os.WriteFile(path, slices.Concat(test.block...), 0o600); err != nil {
			t.Fatal(err)
		}
		err := checkGaps("S", path)
		var bad *badRecord
		if errors.As(err, &bad) != test.bad || !test.bad && err != nil || test.bad && bad.at != int64(len(first)) {
			t.Errorf("%s: %v, want it refused: %t", name, err, test.bad)
		}
	}
}
