package endtoend

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// changes make another version of one projection: other rows from the same events,
// and slowly, so that there is a while to look at a rebuild. Its rebuilds also wait,
// with all rows applied, for as long as there is the file that holdRebuilds names.
var changes = map[string][][2]string{
	"../../projector/projection.go": {{`{"chat", 1, newChat}`, `{"chat", 1001, newChat}`}},
	"../../projector/chat.go": {
		{"m.Notice, m.Style,", `m.Notice, "other "+m.Style,`},
		{"	c.rows.add(", "	time.Sleep(300 * time.Microsecond)\n	c.rows.add("},
		{"import (\n", "import (\n	\"time\"\n"},
	},
	"../../replay/build.go": {
		{"	if err := untrimmed(ctx, b.cfg, b.held)", `	for ctx.Err() == nil {
		if _, err := os.Stat(os.Getenv("` + envHold + `")); err != nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := untrimmed(ctx, b.cfg, b.held)`},
		{"import (\n", "import (\n	\"os\"\n"},
	},
}

// envHold is how the other program is told which file holds its rebuilds.
const envHold = "TEST_HOLDS_REBUILDS"

// holdRebuilds has the other program's rebuilds wait until they are let go, however
// long it takes to look at one. It is started with the variable that is returned.
func holdRebuilds(t *testing.T) (env []string, letGo func()) {
	t.Helper()
	path := write(t, filepath.Join(t.TempDir(), "hold"), "")
	return []string{envHold + "=" + path}, func() {
		t.Helper()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// otherRosey builds the program with those changes, once for all tests.
var otherRosey = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp(filepath.Dir(rosey), "other-") // removed with the program itself
	if err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for path, list := range changes {
		source, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		text := string(source)
		for _, c := range list {
			if strings.Count(text, c[0]) != 1 {
				return "", &os.PathError{Op: "change", Path: path, Err: os.ErrNotExist}
			}
			text = strings.Replace(text, c[0], c[1], 1)
		}
		absolute, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		changed := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[absolute] = changed
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o600); err != nil {
		return "", err
	}
	program := filepath.Join(dir, "rosey")
	args := []string{"build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "rosey/cmd/rosey")...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	return program, build.Run()
})

// another is the path of the program with another version of one projection.
func another(t *testing.T) string {
	t.Helper()
	path, err := otherRosey()
	if err != nil {
		t.Fatalf("build the other program: %v", err)
	}
	return path
}
