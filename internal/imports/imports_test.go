package imports

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"rosey/internal/suite"
)

// may says for each room what it may import of the project, and which of the
// guarded modules. Everything below a room counts as the room unless it has a
// line of its own. "*" stands for all rooms.
var may = map[string][]string{
	"events":                {"github.com/go-faster/jx"},
	"schema":                {"modernc.org/sqlite", "github.com/gofrs/flock"},
	"schema/schematest":     {"schema"},
	"streams":               {"events", "internal/standstill", "github.com/nats-io/nats.go", "github.com/synadia-io/orbit.go"},
	"streams/archive":       {"streams", "github.com/nats-io/nats.go", "github.com/gofrs/flock"},
	"streams/embedded":      {"events", "internal/standstill", "streams", "streams/lockfile", "github.com/nats-io/nats-server", "github.com/nats-io/nats.go", "github.com/gofrs/flock"},
	"streams/lockfile":      {"internal/standstill", "github.com/gofrs/flock"},
	"streams/streamstest":   {"streams", "streams/embedded", "events", "internal/suite", "github.com/nats-io/nats.go"},
	"projector":             {"events", "schema", "streams", "modernc.org/sqlite"},
	"projector/query":       {"events", "internal/standstill", "schema", "streams"},
	"replay":                {"events", "internal/loss", "schema", "streams", "streams/archive", "projector"},
	"replay/control":        {"internal/standstill", "schema", "streams", "projector", "replay"},
	"bot":                   {"events", "internal/standstill", "streams", "bot/cytube", "bot/spool", "github.com/go-faster/jx"},
	"bot/outbound":          {"events", "internal/standstill", "streams", "bot/cytube"},
	"bot/spool":             {"events", "streams", "streams/lockfile", "modernc.org/sqlite", "github.com/gofrs/flock"},
	"bot/cytube":            {"github.com/gorilla/websocket"},
	"bot/cytube/cytubetest": {"bot/cytube", "github.com/gorilla/websocket"},
	"internal/backup":       {"bot/outbound", "bot/spool", "events", "internal/installation", "internal/loss", "schema", "streams", "streams/embedded", "github.com/gofrs/flock"},
	"internal/installation": {"events", "internal/standstill", "schema", "streams", "streams/embedded"},
	"internal/imports":      {},
	"internal/loss":         {"schema", "streams", "streams/archive", "projector"},
	"internal/mutants":      {},
	"internal/doctor":       {"bot/outbound", "events", "schema", "streams", "streams/archive", "streams/embedded", "projector", "replay", "bot/spool", "internal/installation", "internal/loss"},
	"internal/obs":          {"bot", "bot/outbound", "internal/loss", "schema", "streams", "projector", "projector/query", "replay", "github.com/prometheus/client_golang"},
	"internal/crashpoint":   {},
	"internal/standstill":   {},
	"internal/suite":        {"internal/standstill"},
	"internal/campaign":     {"*"},
	"internal/endtoend":     {"*"},
	"internal/healing":      {"*"},
	"bench":                 {"*"},
	"cmd/rosey":             {"*"},

	"internal/campaign/speech": {"events", "bot/outbound", "bot/cytube/cytubetest"},

	// A second opinion on the tables, which must not share the first one's mistakes.
	"internal/campaign/model": {},
}

// guarded are modules that only the rooms above may import.
var guarded = []string{
	"github.com/nats-io/nats-server", "github.com/nats-io/nats.go", "github.com/synadia-io/orbit.go", "modernc.org/sqlite",
	"github.com/gorilla/websocket", "github.com/gofrs/flock", "github.com/go-faster/jx",
	"github.com/prometheus/client_golang",
}

// testsOnly are rooms that only tests, and each other where the table says so, may
// import.
var testsOnly = []string{"internal/suite", "schema/schematest", "streams/streamstest"}

const module = "rosey/"

// TestImports_PointOneWay reads what the packages import from the go command.
func TestImports_PointOneWay(t *testing.T) {
	t.Parallel()
	if err := suite.NoteSources("../.."); err != nil { // the go command is asked, not the files
		t.Fatal(err)
	}
	packages := list(t)
	if len(packages) < 10 {
		t.Fatalf("only %d packages were found", len(packages))
	}
	seen := map[string]bool{}
	for _, p := range packages {
		own := strings.TrimPrefix(p.ImportPath, module)
		room, ok := roomOf(own)
		if !ok {
			t.Errorf("package %s belongs to no room: give it a line in the table", own)
			continue
		}
		seen[room] = true
		for _, imp := range p.Imports {
			if what := forbidden(room, imp); what != "" {
				t.Errorf("%s imports %s: room %s may not know %s", own, imp, room, what)
			}
		}
	}
	for room := range may {
		if !seen[room] {
			t.Errorf("room %s has no package: take it out of the table", room)
		}
	}
}

// forbidden names what the import reaches that the room may not, "" if it may.
func forbidden(room, imp string) string {
	if own, ok := strings.CutPrefix(imp, module); ok {
		target, found := roomOf(own)
		hidden := slices.Contains(testsOnly, target) && !slices.Contains(testsOnly, room)
		if found && (target == room || allows(room, target) && !hidden) {
			return ""
		}
		return own
	}
	for _, g := range guarded {
		if (imp == g || strings.HasPrefix(imp, g+"/")) && !allows(room, g) {
			return g
		}
	}
	return ""
}

func allows(room, what string) bool {
	for _, a := range may[room] {
		if a == "*" || a == what {
			return true
		}
	}
	return false
}

// roomOf is the nearest room at or above a package.
func roomOf(pkg string) (string, bool) {
	for p := pkg; p != "."; p = path.Dir(p) {
		if _, ok := may[p]; ok {
			return p, true
		}
	}
	return "", false
}

type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

// TestForbidden_TheRuleBites makes sure that the check can fail.
func TestForbidden_TheRuleBites(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		room, imp string
		want      bool
	}{
		{"bot", "rosey/schema", true},
		{"projector", "rosey/bot/cytube", true},
		{"events", "rosey/streams", true},
		{"schema", "rosey/events", true},
		{"bot/cytube", "github.com/nats-io/nats.go", true},
		{"streams", "github.com/nats-io/nats-server/v2/server", true},
		{"streams/embedded", "github.com/nats-io/nats-server/v2/server", false},
		{"replay", "rosey/projector", false},
		{"cmd/rosey", "rosey/bot/spool", false},
		{"cmd/rosey", "rosey/internal/suite", true},
	} {
		if got := forbidden(tt.room, tt.imp) != ""; got != tt.want {
			t.Errorf("forbidden(%s, %s) = %v, want %v", tt.room, tt.imp, got, tt.want)
		}
	}
}
