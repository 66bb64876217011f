package endtoend

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rosey/internal/obs"
)

// page asks a running program's port for a path.
func page(t *testing.T, p *program, path string) (status int, body string) {
	t.Helper()
	at := regexp.MustCompile(`(?m)^metrics +(http://127\.0\.0\.1:\d+)/metrics$`)
	var base string
	until(t, "it says where its metrics are", func() bool {
		m := at.FindStringSubmatch(p.out.String() + p.err.String())
		if m != nil {
			base = m[1]
		}
		return m != nil
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// ready asks whether a program is.
func ready(t *testing.T, p *program) (bool, obs.Readiness) {
	t.Helper()
	status, body := page(t, p, "/readyz")
	var r obs.Readiness
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if (status == http.StatusOK) != r.Ready {
		t.Errorf("status %d with %s", status, body)
	}
	return r.Ready, r
}

func TestMetrics_TheDocumentListsWhatIsShown(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, append([]string{"up", lively(t).PageURL(), "--username", "rosey", "--data", data, "--metrics-port", "0"}, anyPorts...)...)
	until(t, "it is ready", func() bool { ok, _ := ready(t, p); return ok })
	until(t, "it records", func() bool { return numberOf(t, data, "SELECT count(*) FROM chat_messages") > 0 })
	_, body := page(t, p, "/metrics")
	if strings.Contains(body, "ann") && strings.Contains(body, "line 0") {
		t.Errorf("names or texts are shown: %s", body)
	}
	doc, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("`(rosey_[a-z_]+)(\\{[a-z, ]+\\})?`").FindAllStringSubmatch(string(doc), -1) {
		listed[m[1]] = true
	}
	shown := map[string]bool{}
	label := regexp.MustCompile(`^(state|reason|endpoint|code|le)="[a-z0-9_.+Inf]*"$`)
	for _, m := range regexp.MustCompile(`(?m)^(rosey_[a-z_]+?)(_bucket|_sum|_count)?(\{[^}]*\})? `).FindAllStringSubmatch(body, -1) {
		name := m[1]
		if !strings.HasSuffix(name, "_seconds") {
			name += m[2] // not a histogram's
		}
		shown[name] = true
		for _, l := range strings.FieldsFunc(strings.Trim(m[3], "{}"), func(r rune) bool { return r == ',' }) {
			if !label.MatchString(l) {
				t.Errorf("%s has a label that can be anything: %s", name, l)
			}
		}
	}
	for name := range shown {
		if !listed[name] {
			t.Errorf("docs/metrics.md does not list %s", name)
		}
	}
	for name := range listed {
		if !shown[name] {
			t.Errorf("docs/metrics.md lists %s, which is not shown", name)
		}
	}
	if status, body := page(t, p, "/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
	p.stop()
}

func TestMetrics_NotReadyWhileTheServerIsGone(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	server := &part{t: t, name: "server", args: []string{"server", "--data", data, "--nats-port", "0", "--monitor-port", "off", "--metrics-port", "0"}}
	server.start()
	until(t, "the server is ready", func() bool { ok, _ := ready(t, server.program); return ok })
	bot := start(t, "bot", lively(t).PageURL(), "--username", "rosey", "--data", data, "--metrics-port", "0")
	projector := start(t, "projector", "--data", data, "--metrics-port", "0")
	parts := map[string]*program{"bot": bot, "projector": projector}
	for name, p := range parts {
		until(t, "the "+name+" is ready", func() bool { ok, _ := ready(t, p); return ok })
	}
	server.fell()
	for name, p := range parts {
		until(t, "the "+name+" is not ready", func() bool { ok, _ := ready(t, p); return !ok })
	}
	until(t, "the spool says that it cannot send", func() bool {
		_, r := ready(t, bot)
		return strings.Contains(r.Parts["spool"].Detail, "cannot be sent") && r.Parts["stream"].Detail != ""
	})
	if status, _ := page(t, bot, "/healthz"); status != http.StatusOK {
		t.Errorf("the bot lives, and /healthz says %d", status)
	}
	server.start()
	for name, p := range parts {
		until(t, "the "+name+" is ready again", func() bool { ok, _ := ready(t, p); return ok })
	}
	bot.stop()
	projector.stop()
	server.stop()
}
