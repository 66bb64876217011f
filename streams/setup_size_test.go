package streams_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"rosey/streams"
	"rosey/streams/streamstest"
)

// smallServer runs a server with so much storage, none for as it comes.
func smallServer(t *testing.T, store string) *streams.Conn {
	t.Helper()
	o := streamstest.ExternalOptions{NoSync: true}
	if store != "" {
		o.Config = fmt.Sprintf("jetstream { store_dir: %q, max_file_store: %s }", t.TempDir(), store)
	}
	e := streamstest.ExternalServer(t, o)
	c, err := streams.Connect(t.Context(), streams.Config{URLs: []string{e.URL()}, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A server of one's own rarely lends out 64 GiB: nobody chose that size, so the
// stream takes what there is, and says so.
func TestSetup_DefaultSizeFitsTheServer(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]struct {
		store    string
		min, max int64
		shrinks  bool
	}{
		"ordinary": {"", 256 << 20, streams.DefaultMaxBytes, false},
		"small":    {"3GB", 1 << 30, 3 << 30, true},
		"a power":  {"4GB", 1 << 30, 4 << 30, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := smallServer(t, server.store)
			s, changes, err := streams.Setup(t.Context(), c, streams.StreamOptions{})
			if err != nil {
				t.Fatal(err)
			}
			state, err := s.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if state.MaxBytes < server.min || state.MaxBytes > server.max {
				t.Errorf("the stream may have %d bytes", state.MaxBytes)
			}
			told := len(changes) == 2 && changes[1].Field == "max bytes"
			if told != (state.MaxBytes < streams.DefaultMaxBytes) || server.shrinks && !told {
				t.Errorf("with %d bytes the changes are %v", state.MaxBytes, changes)
			}
			if _, changes, err := streams.Setup(t.Context(), c, streams.StreamOptions{}); err != nil || len(changes) != 0 {
				t.Errorf("second set-up: %v, %v", changes, err)
			}
		})
	}
}

func TestSetup_SizeThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]struct {
		store string
		o     streams.StreamOptions
	}{
		"chosen":               {"3GB", streams.StreamOptions{MaxBytes: 64 << 30}},
		"no room for anything": {"100MB", streams.StreamOptions{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := smallServer(t, server.store)
			if _, changes, err := streams.Setup(t.Context(), c, server.o); !errors.Is(err, streams.ErrNoRoom) {
				t.Errorf("set up: %v, %v; want ErrNoRoom", changes, err)
			}
			if _, err := streams.Open(t.Context(), c); !errors.Is(err, streams.ErrNoStream) {
				t.Errorf("open: %v, want ErrNoStream", err)
			}
		})
	}
}
