package spool

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A later version that was killed has left a log beside its file. Whoever opened both
// for writing would put the log into the file before refusing it.
func TestOpen_NewerFileWithALogIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := testConfig(filepath.Join(dir, "later"))
	s := openSpool(t, cfg)
	begin(t, s)
	put(t, s, said("hi"))
	left := testConfig(filepath.Join(dir, "left"))
	if err := os.MkdirAll(filepath.Dir(left.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	kept := map[string][]byte{}
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(cfg.Path + suffix)
		if err != nil || len(data) == 0 {
			t.Fatalf("%d bytes in %q, %v", len(data), suffix, err)
		}
		if suffix == "" {
			data[63] = 99 // the last byte of the schema's version
		}
		kept[suffix] = data
		if err := os.WriteFile(left.Path+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closeSpool(t, s)
	if _, err := Open(context.Background(), left); !errors.Is(err, ErrNewerSchema) {
		t.Fatalf("it is opened with %v, want ErrNewerSchema", err)
	}
	for suffix, want := range kept {
		if got, err := os.ReadFile(left.Path + suffix); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q was changed: %v", suffix, err)
		}
	}
}
