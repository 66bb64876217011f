package schema

import (
	"strings"
	"testing"
)

func TestRoomError_NamesSizesThatFit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		need, free  int64
		text, freed string
	}{
		{700<<10 + 1, 500 << 10, "takes about 701 KiB, the disk has 500 KiB left", "free at least 201 KiB "},
		{1, 0, "takes about 1 KiB, the disk has 0 KiB left", "free at least 1 KiB "},
		{9<<20 + 1, 0, "takes about 9217 KiB, the disk has 0 KiB left", "free at least 9217 KiB "},
		{10<<20 - 1, 0, "takes about 10 MiB, the disk has 0 KiB left", "free at least 10 MiB "},
		{64<<20 + 1, 20<<20 - 1, "takes about 65 MiB, the disk has 19 MiB left", "free at least 45 MiB "},
	} {
		e := &RoomError{Name: "rosey.db", Need: tt.need, Free: tt.free}
		if !strings.Contains(e.Error(), tt.text) || !strings.Contains(e.Remedy(), tt.freed) {
			t.Errorf("%d of %d: %v; %s", tt.free, tt.need, e, e.Remedy())
		}
	}
}
