package endtoend

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An interrupt at any moment of a start ends the process with 0, once it takes
// notice of signals at all; before that the system ends it.
func TestCommands_InterruptedWhileStarting(t *testing.T) {
	t.Parallel()
	page := watched(t)
	for name, command := range map[string][]string{
		"up":     append([]string{"up", page}, anyPorts...),
		"demo":   {"demo"},
		"server": append([]string{"server"}, anyPorts...),
		"bot":    {"bot", page},
	} {
		for _, after := range []time.Duration{20, 40, 80, 150, 300} {
			t.Run(fmt.Sprintf("%s after %d ms", name, after), func(t *testing.T) {
				t.Parallel()
				p := start(t, append(command, "--data", filepath.Join(t.TempDir(), "data"))...)
				time.Sleep(after * time.Millisecond) // the moment is what is varied
				p.interrupt()
				code := p.wait()
				unready := code == -1 && p.out.String()+p.err.String() == ""
				if code != 0 && !unready {
					t.Errorf("exit code %d\n%s%s", code, p.out.String(), p.err.String())
				}
			})
		}
	}
}

// Somebody pages through an export of a stopped installation: a start waits for
// the end of it, instead of failing.
func TestServer_WaitsForAnExportThatIsRead(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, "demo", "--rate", "300", "--data", data)
	until(t, "there is more than a pipe holds", func() bool { return numberOf(t, data, "SELECT seq FROM projection_state") > 600 })
	p.stop()
	export := exec.CommandContext(t.Context(), rosey, "export", "events", "--data", data)
	export.Env = cleanEnv()
	page, err := export.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := export.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(page, make([]byte, 100)); err != nil { // one screen of it
		t.Fatal(err)
	}
	server := start(t, append([]string{"server", "--data", data}, anyPorts...)...)
	waiting := fmt.Sprintf(`"waiting for a process that reads the stream" process=%d `, export.Process.Pid)
	until(t, "it waits", func() bool { return strings.Contains(server.err.String(), waiting) })
	if _, err := io.Copy(io.Discard, page); err != nil {
		t.Error(err)
	}
	if err := export.Wait(); err != nil {
		t.Error(err)
	}
	until(t, "the server serves", func() bool { return strings.Contains(server.out.String(), "nats ") })
	server.stop()
}
