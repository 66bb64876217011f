package embedded_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/embedded"

	"github.com/nats-io/nats.go/jetstream"
)

// messagesStored is how many messages a stored stream has, in blocks of 4 MiB.
const messagesStored = 90

// stored makes a store with a stream of several blocks and a bucket, as a killed server
// leaves it: without an index. It returns the folder of the stream.
func stored(t *testing.T, dir string) string {
	t.Helper()
	return storedWith(t, dir, 3)
}

// storedWith makes messages of which one part in n cannot be compressed.
func storedWith(t *testing.T, dir string, n int) string {
	t.Helper()
	s := start(t, dir, nil)
	c := admin(t, s)
	stream, _, err := streams.Setup(t.Context(), c, streams.StreamOptions{MaxBytesIfNew: 24 << 20})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range messagesStored {
		text := make([]byte, 160_000)
		for k := range text {
			text[k] = 'a'
			if k < len(text)/n {
				text[k] += byte(random.IntN(26))
			}
		}
		data := fmt.Appendf(nil, `{"n":%d,"text":%q}`, i+1, text)
		if _, err := stream.Append(t.Context(), streams.AppendMessage{Subject: "rosey.db.message.log", MsgID: fmt.Sprint("p-", i+1), Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	bucket, err := c.JetStream().CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "B"})
	if err == nil {
		_, err = bucket.PutString(t.Context(), "key", "value")
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	shutdown(t, s)
	folder := filepath.Join(dir, "jetstream", "$G", "streams", streams.StreamName)
	if err := os.Remove(filepath.Join(folder, "msgs", "index.db")); err != nil {
		t.Fatal(err)
	}
	return folder
}

// files is everything below a folder.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, folder)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if now, ok := got[name]; !ok || now != want[name] {
			t.Errorf("%s: %s is there: %t, and of %d bytes, was of %d", what, name, ok, len(now), len(want[name]))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: files are %q, were %q", what, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// change rewrites a block.
func change(t *testing.T, folder, block string, how func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(folder, "msgs", block)
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, how(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func flip(at func(n int) int) func([]byte) []byte {
	return func(b []byte) []byte { b[at(len(b))] ^= 0x40; return b }
}

func nothingKept(t *testing.T, dir string) {
	t.Helper()
	if left, err := filepath.Glob(filepath.Join(dir, "kept*")); err != nil || len(left) > 0 {
		t.Errorf("left in the store: %q, %v", left, err)
	}
}

// count returns the messages that a store's stream has.
func count(t *testing.T, dir string) uint64 {
	t.Helper()
	s := start(t, dir, nil)
	c := admin(t, s)
	stream, err := streams.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	state, err := stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	shutdown(t, s)
	return state.Messages
}

func blocks(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(strings.ReplaceAll(folder, "$", `\$`), "msgs", "*.blk"))
	if err != nil || len(paths) < 4 {
		t.Fatalf("blocks are %q, %v; the test needs four", paths, err)
	}
	slices.Sort(paths)
	for i, path := range paths {
		paths[i] = filepath.Base(path)
	}
	return paths
}

// A store with one bad byte, or with a block that is cut off, loses nothing by being
// opened: the start is refused, and once the block is moved away the others open.
func TestStart_DamagedBlocksRemoveNothing(t *testing.T) {
	t.Parallel()
	middle := func(n int) int { return n / 2 }
	tests := map[string]struct {
		block func(all []string) string
		how   func([]byte) []byte
		// cut: what can be read is kept by cutting the file there.
		cut bool
	}{
		"a byte of a compressed block":    {func(all []string) string { return all[1] }, flip(middle), false},
		"its header":                      {func(all []string) string { return all[1] }, flip(func(int) int { return 1 }), false},
		"its last byte":                   {func(all []string) string { return all[1] }, flip(func(n int) int { return n - 1 }), false},
		"a compressed block cut off":      {func(all []string) string { return all[0] }, func(b []byte) []byte { return b[:len(b)/2] }, false},
		"a byte of the last block":        {func(all []string) string { return all[len(all)-1] }, flip(middle), true},
		"a length in the last block":      {func(all []string) string { return all[len(all)-1] }, func(b []byte) []byte { b[2] = 0xff; return b }, true},
		"the number in a compressed size": {func(all []string) string { return all[2] }, func(b []byte) []byte { copy(b[4:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"); return b }, false},
	}
	original := t.TempDir()
	stored(t, original)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
				t.Fatal(err)
			}
			folder := filepath.Join(dir, "jetstream", "$G", "streams", streams.StreamName)
			all := blocks(t, folder)
			block := test.block(all)
			change(t, folder, block, test.how)
			before := files(t, folder)
			for range 2 { // nothing is different the next time
				_, err := embedded.Start(t.Context(), config(dir, nil))
				var damaged *embedded.DamagedError
				if !errors.Is(err, embedded.ErrDamaged) || !errors.As(err, &damaged) {
					t.Fatalf("start: %v, want ErrDamaged", err)
				}
				if damaged.Stream != streams.StreamName || len(damaged.Blocks) != 1 || damaged.Blocks[0].Path != filepath.Join(folder, "msgs", block) {
					t.Errorf("start: %v, want it to name %s", err, block)
				}
				if readable := damaged.Blocks[0].ReadableBytes; (readable > 0) != (test.cut && name != "a length in the last block") {
					t.Errorf("%d bytes can be read", readable)
				}
				same(t, "after the start", files(t, folder), before)
				nothingKept(t, dir)
			}
			if err := os.Rename(filepath.Join(folder, "msgs", block), filepath.Join(t.TempDir(), block)); err != nil {
				t.Fatal(err)
			}
			if got := count(t, dir); got < messagesStored/2 || got >= messagesStored {
				t.Errorf("without the block there are %d messages of %d", got, messagesStored)
			}
			nothingKept(t, dir)
		})
	}
}

// The server cuts into a block that was hardly made smaller by compressing it.
func TestStart_DamagedBlockThatIsHardlyCompressed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := storedWith(t, dir, 1)
	change(t, folder, blocks(t, folder)[1], flip(func(n int) int { return n - 1 }))
	before := files(t, folder)
	if _, err := embedded.Start(t.Context(), config(dir, nil)); !errors.Is(err, embedded.ErrDamaged) {
		t.Errorf("start: %v, want ErrDamaged", err)
	}
	same(t, "after the start", files(t, folder), before)
	nothingKept(t, dir)
}

// The server writes its index in place, also that of what it has cut away.
func TestStart_DamagedBlockBesideAnOldIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := stored(t, dir)
	if got := count(t, dir); got != messagesStored {
		t.Fatalf("%d messages are there", got)
	}
	index := filepath.Join(folder, "msgs", "index.db")
	old, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, dir, nil)
	stream, err := streams.Open(t.Context(), admin(t, s))
	if err == nil {
		_, err = stream.Append(t.Context(), streams.AppendMessage{Subject: "rosey.db.message.log", MsgID: "p-last", Data: []byte("{}")})
	}
	if err != nil {
		t.Fatal(err)
	}
	shutdown(t, s)
	if err := os.WriteFile(index, old, 0o600); err != nil {
		t.Fatal(err)
	}
	all := blocks(t, folder)
	change(t, folder, all[len(all)-1], flip(func(n int) int { return n / 2 }))
	before := files(t, folder)
	if _, err := embedded.Start(t.Context(), config(dir, nil)); !errors.Is(err, embedded.ErrDamaged) {
		t.Errorf("start: %v, want ErrDamaged", err)
	}
	same(t, "after the start", files(t, folder), before)
	nothingKept(t, dir)
}

// Where a file system has no hard links all is read before the server may open it.
func TestStart_WithoutHardLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := stored(t, dir)
	var log suite.Output
	withoutLinks := func(c *embedded.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.LinkWith(func(from, to string) error {
			return &os.LinkError{Op: "link", Old: from, New: to, Err: errors.ErrUnsupported}
		})
	}
	shutdown(t, start(t, dir, withoutLinks))
	if !strings.Contains(log.String(), "cannot be kept by links") {
		t.Errorf("the log does not say that all is read first:\n%s", log.String())
	}
	nothingKept(t, dir)
	if err := os.Remove(filepath.Join(folder, "msgs", "index.db")); err != nil {
		t.Fatal(err)
	}
	block := blocks(t, folder)[1]
	change(t, folder, block, flip(func(n int) int { return n / 2 }))
	before := files(t, folder)
	_, err := embedded.Start(t.Context(), config(dir, withoutLinks))
	var damaged *embedded.DamagedError
	if !errors.As(err, &damaged) || len(damaged.Blocks) != 1 || damaged.Blocks[0].Path != filepath.Join(folder, "msgs", block) {
		t.Errorf("start: %v, want it to name %s", err, block)
	}
	same(t, "after the start", files(t, folder), before)
	nothingKept(t, dir)
}

// A start that is killed leaves what it had kept. The next one puts back what is missing.
func TestStart_AfterOneThatWasKilled(t *testing.T) {
	t.Parallel()
	original := t.TempDir()
	stored(t, original)
	const account = "$G"
	tests := map[string]struct {
		kept string // where the links are
		lose func(folder string) error
		want uint64
	}{
		"before all was kept":         {"kept.new", func(string) error { return nil }, messagesStored},
		"before the server began":     {"kept", func(string) error { return nil }, messagesStored},
		"after the stream was gone":   {"kept", os.RemoveAll, messagesStored},
		"after its account was gone":  {"kept", func(folder string) error { return os.RemoveAll(filepath.Join(folder, "..", "..")) }, messagesStored},
		"while the stream was going":  {"kept", func(folder string) error { return os.Remove(filepath.Join(folder, "meta.inf")) }, messagesStored},
		"after all its files":         {"kept", func(folder string) error { return errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o700)) }, messagesStored},
		"while what was kept was let": {"kept.gone", func(string) error { return nil }, messagesStored},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
				t.Fatal(err)
			}
			folder := filepath.Join(dir, "jetstream", account, "streams", streams.StreamName)
			if err := os.CopyFS(filepath.Join(dir, test.kept, account, streams.StreamName), os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			if err := test.lose(folder); err != nil {
				t.Fatal(err)
			}
			if got := count(t, dir); got != test.want {
				t.Errorf("%d messages are there, want %d", got, test.want)
			}
			nothingKept(t, dir)
		})
	}
}

// What was stored since is not given up for what a start had kept long ago.
func TestStart_AfterOneThatWasKilledBeforeOthersWrote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := stored(t, dir)
	all := blocks(t, folder)
	left := filepath.Join(dir, "kept", "$G", streams.StreamName)
	if err := os.CopyFS(left, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	change(t, left, all[1], func(b []byte) []byte { return append(b, b...) }) // damaged there, and longer
	change(t, left, all[len(all)-1], func(b []byte) []byte { return b[:len(b)/2] })
	var log suite.Output
	shutdown(t, start(t, dir, func(c *embedded.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }))
	if set := filepath.Join(dir, "kept.aside.1", "$G", streams.StreamName); !strings.Contains(log.String(), set) {
		t.Errorf("the log does not name %s:\n%s", set, log.String())
	}
	if got := count(t, dir); got != messagesStored {
		t.Errorf("%d messages are there, want %d", got, messagesStored)
	}
	aside, err := os.ReadDir(filepath.Join(dir, "kept.aside.1", "$G", streams.StreamName, "msgs"))
	if err != nil || len(aside) != len(all) {
		t.Errorf("set aside are %d files, %v; want %d", len(aside), err, len(all))
	}
}

// A write that a power cut left unfinished is no damage.
func TestStart_AnUnfinishedWriteIsCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := stored(t, dir)
	all := blocks(t, folder)
	change(t, folder, all[len(all)-1], func(b []byte) []byte { return b[:len(b)-100] })
	if got := count(t, dir); got != messagesStored-1 {
		t.Errorf("%d messages are left of %d", got, messagesStored)
	}
	nothingKept(t, dir)
}
