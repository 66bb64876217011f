package endtoend

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rosey/bot/cytube/cytubetest"
)

// TestReadme_CommandsWork runs the README's own commands, in order, as they are
// printed there. Only what belongs to one machine is put in: a channel that is
// there, a shorter evening, a folder to throw away.
func TestReadme_CommandsWork(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "readme"})
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	dir := t.TempDir()
	ran := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^go run ./cmd/rosey (.*)$`).FindAllStringSubmatch(string(readme), -1) {
		args := strings.Fields(line[1])
		ran[args[0]] = true
		for i, a := range args {
			switch a {
			case "https://cytu.be/r/YOURCHANNEL":
				args[i] = channel.PageURL()
			case "20s":
				args[i] = "4s"
			case "./rosey-demo":
				args[i] = filepath.Join(dir, "demo")
			case "./rosey-demo-backup", "./rosey-demo-again":
				args[i] = filepath.Join(dir, a)
			}
		}
		switch args[0] {
		case "up":
			args = append(args, "--for", "2s", "--data", filepath.Join(dir, "up"), "--nats-port", "0", "--monitor-port", "0")
		case "demo":
			args = append(args, "--data", filepath.Join(dir, "demo"))
		}
		if out := must(t, args...); strings.TrimSpace(out) == "" {
			t.Errorf("rosey %s prints nothing", strings.Join(args, " "))
		}
	}
	for _, want := range []string{"up", "demo", "stats", "tail", "export", "replay", "stream", "doctor", "dead-letters", "outbound", "backup", "restore"} {
		if !ran[want] {
			t.Errorf("the README does not show rosey %s", want)
		}
	}
}

// TestDocuments_LinksAndTestsExist keeps documents from naming what is not there.
func TestDocuments_LinksAndTestsExist(t *testing.T) {
	t.Parallel()
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	for _, path := range append(docs, "../../README.md", "../../bench/README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", path, link[1], err)
			}
		}
		for _, name := range regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z]\w+`).FindAllString(string(text), -1) {
			if !tests[name] {
				t.Errorf("%s names %s, which is no test", path, name)
			}
		}
	}
}

// testNames lists the tests, fuzz targets and benchmarks of all packages.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
