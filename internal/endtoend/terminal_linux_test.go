package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens both ends of a terminal of so many columns.
func terminal(t *testing.T, columns uint16) (screen, end *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: columns}); err != nil {
		t.Fatal(err)
	}
	end, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = end.Close() })
	return screen, end
}

// onTerminal runs rosey to its end with a terminal for its output, and returns what
// a person sees there.
func onTerminal(t *testing.T, columns uint16, env []string, args ...string) string {
	t.Helper()
	screen, end := terminal(t, columns)
	cmd := exec.CommandContext(t.Context(), rosey, args...)
	cmd.Env = append(cleanEnv(), env...)
	cmd.Stdout, cmd.Stderr = end, end
	var seen strings.Builder
	var reading sync.WaitGroup
	reading.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := screen.Read(buf)
			seen.Write(buf[:n])
			if err != nil || strings.HasSuffix(seen.String(), "the end\r\n") {
				return
			}
		}
	})
	failed := cmd.Run()
	if _, err := end.WriteString("the end\n"); err != nil {
		t.Fatal(err)
	}
	reading.Wait()
	if failed != nil {
		t.Errorf("rosey %s: %v\n%s", strings.Join(args, " "), failed, seen.String())
	}
	return strings.TrimSuffix(strings.ReplaceAll(seen.String(), "\r\n", "\n"), "the end\n")
}

// A person sees plots where the terminal can show them, and never a line that is
// broken in two; whoever reads from a pipe sees none.
func TestStats_DrawnOnATerminal(t *testing.T) {
	t.Parallel()
	c := quiet(t, "drawn")
	data := filepath.Join(t.TempDir(), "data")
	up := startSpeaking(t, c, data)
	for _, name := range []string{"ann", "bob"} {
		if err := c.Join(name); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := c.Say(name, "hello"); err != nil {
				t.Fatal(err)
			}
		}
	}
	until(t, "the lines are in the tables", func() bool { return numberOf(t, data, "SELECT count(*) FROM chat_messages") == 6 })
	up.stop()
	utf8 := []string{"LC_ALL=C.UTF-8", "TERM=xterm"}
	top := []string{"stats", "top", "--data", data}
	if out := onTerminal(t, 100, utf8, top...); !strings.Contains(out, "████") {
		t.Errorf("no bars:\n%s", out)
	}
	for _, env := range [][]string{append(utf8, "NO_COLOR=1"), {"LC_ALL=C", "TERM=xterm"}, {"LC_ALL=C.UTF-8", "TERM=dumb"}} {
		if out := onTerminal(t, 100, env, top...); !strings.Contains(out, "####") || strings.ContainsRune(out, '█') {
			t.Errorf("%v: no plain bars:\n%s", env, out)
		}
	}
	for _, columns := range []uint16{40, 72, 80} {
		for line := range strings.Lines(onTerminal(t, columns, utf8, top...)) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); strings.Contains(line, "█") && n >= int(columns) {
				t.Errorf("%d characters on a terminal of %d: %s", n, columns, line)
			}
		}
	}
	if out := must(t, top...); strings.ContainsAny(out, "█#") {
		t.Errorf("bars in a pipe:\n%s", out)
	}
	if out := onTerminal(t, 100, utf8, "replay", "--data", data); !strings.Contains(out, "building indexes") || strings.Contains(out, "{") || !strings.Contains(out, "\nevents ") && !strings.Contains(out, "\revents ") {
		t.Errorf("a rebuild on a terminal shows no bar:\n%q", out)
	}
}
