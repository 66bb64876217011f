package schema_test

import (
	"os"
	"path/filepath"
	"testing"

	"rosey/schema"
)

func TestStore_HolderTellsProcessAndKey(t *testing.T) {
	t.Parallel()
	store := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	if h, held, err := store.Holder(); err != nil || held || h != (schema.Holder{}) {
		t.Fatalf("%+v, %v, %v before anybody was there", h, held, err)
	}
	release, err := store.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h, held, err := store.Holder()
	if err != nil || !held || h.PID != os.Getpid() || h.Key == "" || h.Key != store.Key() {
		t.Errorf("%+v, %v, %v, want this process and its key %s", h, held, err, store.Key())
	}
	if other := (schema.Store{Link: store.Link + "2"}); other.Key() == store.Key() {
		t.Error("two stores have the same key")
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if h, held, err := store.Holder(); err != nil || held {
		t.Errorf("%+v, %v, %v after the lock was given back", h, held, err)
	}
	release, err = store.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release() }()
	if again, _, err := store.Holder(); err != nil || again != h {
		t.Errorf("%+v, %v: want the same key again", again, err)
	}
}

// What an older program wrote, or one is just writing, has no key.
func TestStore_HolderOfAnUnfinishedFile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]schema.Holder{
		"":                          {},
		"4711\n":                    {PID: 4711},
		"4711\n0123456789":          {PID: 4711},
		"4711\nno key > at all *\n": {PID: 4711},
		"4711\n0123456789abcdef0123456789abcdef\n": {PID: 4711, Key: "0123456789abcdef0123456789abcdef"},
	} {
		store := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
		release, err := store.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(store.Link+".lock", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, held, err := store.Holder(); err != nil || !held || got != want {
			t.Errorf("%q: %+v, %v, %v, want %+v", text, got, held, err, want)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
	}
}
