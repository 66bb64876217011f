package endtoend

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rosey/internal/installation"
	"rosey/streams"
)

// One bad byte in the middle of the history, and a server that was killed: no command
// removes anything by opening the store, and with the one block moved away all else is
// there.
func TestStore_OneBadByteAndAKill(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	server := start(t, "server", "--data", data, "--nats-port", "0", "--monitor-port", "off")
	until(t, "it serves", func() bool { return strings.Contains(server.out.String(), "nats ") })
	const messages = 100
	fillBlocks(t, installation.Dir(data), messages)
	server.kill()

	folder := filepath.Join(data, "jetstream", "jetstream", "$G", "streams", streams.StreamName)
	block := filepath.Join(folder, "msgs", "2.blk")
	text, err := os.ReadFile(block)
	if err != nil || !strings.HasPrefix(string(text), "cmp") {
		t.Fatalf("the second block is not compressed: %d bytes, %v", len(text), err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(block, text, 0o600); err != nil {
		t.Fatal(err)
	}
	before := contents(t, folder)
	for _, args := range [][]string{{"stream", "show"}, {"doctor"}, append([]string{"up", watched(t)}, anyPorts...), append([]string{"server"}, anyPorts...)} {
		code, out, errs := run(t, append(args, "--data", data)...)
		if said := out + errs; code != 1 || !strings.Contains(said, block+": decompress") || !strings.Contains(said, "restore DIR") || !strings.Contains(said, "move '"+block+"' out of its folder") {
			t.Errorf("rosey %s: exit code %d\n%s", args[0], code, said)
		}
		after := contents(t, folder)
		for name := range before {
			if after[name] != before[name] {
				t.Fatalf("rosey %s changed %s", args[0], name)
			}
		}
	}
	if err := os.Rename(block, filepath.Join(t.TempDir(), "2.blk")); err != nil {
		t.Fatal(err)
	}
	got := 0
	for line := range strings.Lines(must(t, "export", "events", "--data", data)) {
		if strings.Contains(line, `"filler"`) {
			got++
		}
	}
	if got < messages/2 || got == messages {
		t.Errorf("%d of %d events are there without the block", got, messages)
	}
}

// fillBlocks appends events that fill several blocks.
func fillBlocks(t *testing.T, dir installation.Dir, n int) {
	t.Helper()
	cfg, err := dir.ClientConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := installation.AttachTo(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	random := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		filler := make([]byte, 300_000)
		for k := range filler {
			filler[k] = 'a'
			if k%3 == 0 {
				filler[k] += byte(random.IntN(26))
			}
		}
		m := streams.AppendMessage{Subject: "rosey.db.message.log", MsgID: fmt.Sprint("filler-", i), Data: fmt.Appendf(nil, `{"message":"m","username":"u","filler":%q}`, filler)}
		if _, err := a.Stream.Append(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}

// contents is what the files below a folder hold.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
