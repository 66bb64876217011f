package embedded_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"rosey/streams/embedded"
)

// TestServer_WritesThrough asks the running server itself: an acknowledged
// message that a power cut takes away would be a broken promise.
func TestServer_WritesThrough(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), func(c *embedded.Config) { c.NoMonitor, c.MonitorPort = false, embedded.AnyPort })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.MonitorURL()+"/varz", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var varz struct {
		JetStream struct {
			Config struct {
				SyncAlways bool `json:"sync_always"`
			} `json:"config"`
		} `json:"jetstream"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&varz); err != nil {
		t.Fatal(err)
	}
	if !varz.JetStream.Config.SyncAlways {
		t.Error("the server does not sync each write before it acknowledges it")
	}
}
