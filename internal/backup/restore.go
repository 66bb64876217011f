package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rosey/bot/outbound"
	"rosey/internal/installation"
	"rosey/internal/loss"
	"rosey/schema"
	"rosey/streams"
)

// Target says where a backup is restored to.
type Target struct {
	// Data is the data folder: new, or empty.
	Data installation.Dir
	// Conn leads to an external server, which takes stream and queue; it must have
	// neither. Where it is nil they go into the data folder, for an embedded one.
	Conn *streams.Conn
	// Replicas and MaxBytes are the stream's. Default: as they were, as far as the
	// server can have them.
	Replicas int
	MaxBytes int64
	// Requeue leaves waiting what waited in the queue, instead of holding it for a
	// person. It may be said twice where the original goes on, or went on.
	Requeue bool
	// Progress, where it is set, is told how far it is.
	Progress func(Progress)
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Free tells how many bytes are free on the disk of a folder. Default: the
	// system's answer.
	Free func(dir string) (int64, error)
	// Sync makes a folder durable that has parts in it which were moved. Default: the
	// system's way.
	Sync func(dir string) error
	// Crash is called at named points; tests end the process there.
	Crash func(point string)
}

// Restored is what came of a restore.
type Restored struct {
	Stream streams.State `json:"-"`
	// What the stream and the queue hold now.
	Identity      string `json:"identity"`
	FirstSeq      uint64 `json:"first_seq"`
	LastSeq       uint64 `json:"last_seq"`
	Messages      uint64 `json:"messages"`
	QueueMessages uint64 `json:"queue_messages"`
	// Held are the messages that waited and are held for a person; Settled those of
	// them of which the stream says what became of them.
	Held    int `json:"held"`
	Settled int `json:"settled"`
	// Checkpoint is the restored database's, null where there is none.
	Checkpoint *uint64 `json:"checkpoint_seq"`
	Spools     int     `json:"spools"`
	// Waiting is how many events in them were not sent when they were copied.
	Waiting int64 `json:"waiting"`
	// Changes are what had to be other than it was.
	Changes []streams.Change `json:"changes"`
	// Lost is what the stream had lost when the backup was made.
	Lost *loss.Lost `json:"lost,omitempty"`
	// Notes are those of the backup.
	Notes []string `json:"notes"`
}

// restoring is a restore that goes on.
type restoring struct {
	Target
	set *Set
	res Restored

	made  []string // streams that were restored on an external server
	moved bool     // all parts are in their places, for good
}

// Check refuses what Restore would refuse, and changes nothing. It does not read
// the backup's files; Verify does.
func (s *Set) Check(ctx context.Context, to Target) error {
	r := newRestoring(s, to)
	if err := r.check(ctx); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// Restore makes an installation out of the backup. It verifies all files and the
// target first: an error of that kind leaves the target as it was. After any other
// error nothing of the restore is left, and after a crash it can be run again: what
// the one before has left is removed, on a server too, where it is marked and nobody
// can use it. One that had done everything is ErrComplete.
func (s *Set) Restore(ctx context.Context, to Target) (Restored, error) {
	r := newRestoring(s, to)
	release, err := r.hold(ctx)
	if err != nil {
		return r.res, fmt.Errorf("restore: %w", err)
	}
	defer release()
	err = r.finished(ctx)
	if err == nil {
		err = r.check(ctx)
	}
	if err == nil {
		err = s.Verify(ctx, to.Progress)
	}
	if err == nil {
		if err = r.all(ctx); err != nil {
			err = errors.Join(err, r.remove())
		}
	}
	if err != nil {
		return r.res, fmt.Errorf("restore: %w", err)
	}
	if to.Progress != nil {
		to.Progress(Progress{Phase: PhaseDone, Bytes: s.Bytes(), Total: s.Bytes()})
	}
	return r.res, nil
}

func newRestoring(s *Set, to Target) *restoring {
	if to.Now == nil {
		to.Now = time.Now
	}
	if to.Free == nil {
		to.Free = freeBytes
	}
	if to.Sync == nil {
		to.Sync = syncPath
	}
	if to.Crash == nil {
		to.Crash = func(string) {}
	}
	return &restoring{Target: to, set: s, res: Restored{Lost: s.Lost, Notes: s.Notes, Changes: []streams.Change{}}}
}

// check looks at the target.
func (r *restoring) check(ctx context.Context) error {
	if err := r.checkData(); err != nil {
		return err
	}
	var need int64
	for _, f := range r.set.Files {
		if f.Path != r.set.Stream.Path && (r.set.Queue == nil || f.Path != r.set.Queue.Path) {
			need += f.Bytes
		}
	}
	if r.Conn == nil {
		need += int64(r.set.Stream.Bytes)
		if r.set.Queue != nil {
			need += int64(r.set.Queue.Bytes)
		}
	}
	if err := requireRoom(r.Free, string(r.Data), need); err != nil {
		return err
	}
	o := streams.RestoreOptions{Replicas: r.Replicas, MaxBytes: r.MaxBytes}
	if r.Conn == nil {
		if o.MaxBytes > 0 && uint64(o.MaxBytes) < r.set.Stream.Bytes {
			return fmt.Errorf("%w: %d bytes for %d", streams.ErrTooSmall, o.MaxBytes, r.set.Stream.Bytes)
		}
		return nil
	}
	left, err := r.leftover(ctx)
	if err != nil {
		return err
	}
	refused := func(s streams.Snapshot, o streams.RestoreOptions) error {
		err := r.Conn.CheckRestore(ctx, s, o)
		if errors.Is(err, streams.ErrStreamExists) && slices.Contains(left, s.Stream) {
			return nil // what an interrupted restore left goes first
		}
		return existing(err)
	}
	if err := refused(r.set.Stream.Snapshot, o); err != nil || r.set.Queue == nil {
		return err
	}
	return refused(r.set.Queue.Snapshot, streams.RestoreOptions{Replicas: r.Replicas})
}

func existing(err error) error {
	if errors.Is(err, streams.ErrStreamExists) {
		return fmt.Errorf("%w: %w", ErrExists, err)
	}
	return err
}

// all puts everything together in the hidden folder, and moves it to its place.
func (r *restoring) all(ctx context.Context) error {
	if err := r.clear(); err != nil {
		return err
	}
	if r.Conn != nil {
		if err := r.discard(ctx); err != nil {
			return err
		}
	}
	if err := makeFolder(r.hidden()); err != nil {
		return err
	}
	if err := r.spools(ctx); err != nil {
		return err
	}
	if err := r.database(ctx); err != nil {
		return err
	}
	if err := r.streams(ctx); err != nil {
		return err
	}
	if err := syncTree(r.hidden()); err != nil {
		return err
	}
	return r.settle(ctx)
}

// remove takes back what was written. Where all is in its place for good nothing is: the
// same command finishes it.
func (r *restoring) remove() error {
	if r.moved {
		return nil
	}
	// Where a part in the data folder stays, what is marked on the server does too: the
	// same command begins again, or finishes both.
	if err := r.clear(); err != nil {
		return err
	}
	// The context may be what ended it.
	ctx, cancel := context.WithTimeout(context.Background(), removeLimit)
	defer cancel()
	var err error
	for _, stream := range r.made {
		err = errors.Join(err, r.Conn.Discard(ctx, stream))
	}
	return err
}

const removeLimit = 10 * time.Second

// copyOut copies a file of the backup, and compares it once more on the way.
func (r *restoring) copyOut(ctx context.Context, name, to string) error {
	f, ok := r.set.file(name)
	if !ok {
		return fmt.Errorf("%w: the manifest lacks the file %q", ErrDamaged, name)
	}
	in, err := os.Open(r.set.path(name))
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := createHashed(to)
	if err != nil {
		return err
	}
	if err := errors.Join(copyBytes(ctx, out, in, nil), out.close()); err != nil {
		return err
	}
	if out.entry(name) != f {
		return fmt.Errorf("%w: %s has other contents than were written", ErrDamaged, name)
	}
	return nil
}

func (r *restoring) spools(ctx context.Context) error {
	teller(r.Progress, PhaseSpools, 0)
	for _, f := range r.set.Files {
		if filepath.Dir(filepath.FromSlash(f.Path)) != spoolFolder {
			continue
		}
		if err := r.copyOut(ctx, f.Path, filepath.Join(r.hidden(), filepath.FromSlash(f.Path))); err != nil {
			return err
		}
	}
	for _, s := range r.set.Spools {
		r.res.Spools++
		r.res.Waiting += s.Waiting
	}
	return nil
}

func (r *restoring) database(ctx context.Context) error {
	if r.set.Database == nil {
		return nil
	}
	teller(r.Progress, PhaseDatabase, 0)
	fresh := filepath.Join(r.hidden(), "fresh.db")
	if err := r.copyOut(ctx, r.set.Database.Path, fresh); err != nil {
		return err
	}
	if _, err := installation.Dir(r.hidden()).Database().Install(fresh); err != nil {
		return err
	}
	r.res.Checkpoint = &r.set.Database.Checkpoint
	return nil
}

// streams restores queue and stream, and compares what the server has then with
// what was copied.
func (r *restoring) streams(ctx context.Context) (err error) {
	conn := r.Conn
	if conn == nil {
		s, err := startStore(ctx, installation.Dir(r.hidden()).JetStream())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		conn = s.conn
		if r.MaxBytes, err = s.fitting(r.set.Stream.Snapshot, r.MaxBytes); err != nil {
			return err
		}
	}
	if err := r.queue(ctx, conn); err != nil {
		return err
	}
	if err := r.stream(ctx, conn); err != nil {
		return err
	}
	stream, changes, err := streams.SetupRestored(ctx, conn)
	if err != nil {
		return err
	}
	for _, ch := range changes {
		if ch.Was != "none" {
			r.res.Changes = append(r.res.Changes, ch)
		}
	}
	if r.Requeue || r.res.Held == 0 {
		return r.compare(ctx, stream)
	}
	if r.res.Settled, err = outbound.SettleRestored(ctx, stream); err != nil {
		return err
	}
	return r.compare(ctx, stream)
}

func (r *restoring) queue(ctx context.Context, conn *streams.Conn) error {
	if r.set.Queue == nil {
		return nil
	}
	restored, err := r.put(ctx, conn, *r.set.Queue, PhaseQueue, streams.RestoreOptions{Replicas: r.Replicas})
	if err != nil {
		return err
	}
	r.res.QueueMessages = restored.State.Messages
	if r.Requeue {
		return nil
	}
	// Before there is a stream: no bot sends anything until then.
	r.res.Held, err = outbound.HoldRestored(ctx, conn)
	return err
}

func (r *restoring) stream(ctx context.Context, conn *streams.Conn) error {
	said, err := json.Marshal(streams.RestoredFrom{BackupMS: r.set.BeganMS, RestoredMS: r.Now().UnixMilli(), LastSeq: r.set.Stream.LastSeq})
	if err != nil {
		return err
	}
	o := streams.RestoreOptions{Replicas: r.Replicas, MaxBytes: r.MaxBytes, Metadata: map[string]string{streams.RestoredKey: string(said)}}
	restored, err := r.put(ctx, conn, r.set.Stream, PhaseStream, o)
	if err != nil {
		return err
	}
	r.res.Changes = append(r.res.Changes, restored.Changes...)
	return nil
}

// put restores one stream. Where its size does not fit, and nobody chose that, a
// smaller one will do.
func (r *restoring) put(ctx context.Context, conn *streams.Conn, file StreamFile, phase string, o streams.RestoreOptions) (streams.Restored, error) {
	f, err := os.Open(r.set.path(file.Path))
	if err != nil {
		return streams.Restored{}, err
	}
	defer func() { _ = f.Close() }()
	entry, _ := r.set.file(file.Path)
	o.Progress = teller(r.Progress, phase, entry.Bytes)
	if r.Conn != nil {
		o.Mark = r.mark()
	}
	for {
		restored, err := conn.Restore(ctx, file.Snapshot, f, o)
		if err == nil {
			if r.Conn != nil {
				r.made = append(r.made, file.Stream)
			}
			return restored, nil
		}
		size := max(o.MaxBytes, 0)
		if size == 0 {
			size = file.MaxBytes
		}
		if !errors.Is(err, streams.ErrNoRoom) || r.MaxBytes > 0 || size/2 < max(leastStream, int64(file.Bytes)*5/4) {
			return restored, existing(err)
		}
		o.MaxBytes = size / 2
		if _, err := f.Seek(0, 0); err != nil {
			return restored, err
		}
	}
}

// leastStream is how small a restored stream may become because of a server that
// has no room for a larger one.
const leastStream = 256 << 20

// compare holds what is there against the manifest, and the database against the
// stream.
func (r *restoring) compare(ctx context.Context, stream *streams.Stream) error {
	teller(r.Progress, PhaseVerify, 0)
	state, err := stream.State(ctx)
	if err != nil {
		return err
	}
	was := r.set.Stream
	r.res.Stream = state
	r.res.Identity, r.res.FirstSeq, r.res.LastSeq, r.res.Messages = state.Identity.ID, state.FirstSeq, state.LastSeq, state.Messages
	switch {
	case state.Identity.ID != was.Identity:
		return fmt.Errorf("%w: the stream's identity is %s, and was %s", ErrDiffers, state.Identity.ID, was.Identity)
	case state.FirstSeq != max(was.FirstSeq, 1), state.LastSeq < was.LastSeq, state.Messages < was.Messages:
		return fmt.Errorf("%w: the stream has %d messages from %d to %d, and had %d from %d to %d", ErrDiffers,
			state.Messages, state.FirstSeq, state.LastSeq, was.Messages, was.FirstSeq, was.LastSeq)
	}
	if was.LastSeq > 0 && was.Messages > 0 {
		if err := readBack(ctx, stream, state); err != nil {
			return err
		}
	}
	if r.set.Database == nil {
		return nil
	}
	store := installation.Dir(r.hidden()).Database()
	if err := schema.NoteStream(ctx, store.Link, state.Identity.Created.UnixMilli()); err != nil {
		return err
	}
	db, err := schema.OpenUntouched(ctx, store.Link)
	if err != nil {
		return err
	}
	c, err := schema.ReadCheckpoint(ctx, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if c.Seq != r.set.Database.Checkpoint || c.Seq > state.LastSeq {
		return fmt.Errorf("%w: the database is at seq=%d, was at seq=%d, and the stream ends with seq=%d", ErrDiffers, c.Seq, r.set.Database.Checkpoint, state.LastSeq)
	}
	return nil
}
