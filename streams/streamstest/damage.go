package streamstest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rosey/streams"
)

// DamageBlock overwrites a piece in the middle of a block of the stream's store, as a
// bad disk does, starts the server again, and opens the stream anew. What is stored
// counts as unreadable when nothing came of it for as long as patience says.
//
// A block that is not the last is compressed: nothing of it can be read then, and the
// server does not know.
func (e *Env) DamageBlock(t testing.TB, block int, patience time.Duration) {
	t.Helper()
	name := fmt.Sprintf("%d.blk", block)
	blocks, err := filepath.Glob(filepath.Join(e.store, "jetstream", "*", "streams", streams.StreamName, "msgs", name))
	if err != nil || len(blocks) != 1 {
		t.Fatalf("%d blocks %s in %s: %v", len(blocks), name, e.store, err)
	}
	f, err := os.OpenFile(blocks[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, 64), info.Size()/2)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := e.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	user, password := e.Server.Credentials()
	e.Conn = connect(t, streams.Config{InProcess: e.Server.InProcessConn, User: user, Password: password, ReadPatience: patience})
	if e.Stream, err = streams.Open(t.Context(), e.Conn); err != nil {
		t.Fatal(err)
	}
}
