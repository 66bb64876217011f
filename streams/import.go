package streams

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"rosey/events"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// importingKey is in the metadata of a stream that is being imported: the
	// identity it will have. Nothing opens such a stream.
	importingKey = "rosey_importing"

	// erasedSubject is that of placeholders. They keep the sequences of messages
	// that the original has no more, and are gone before the stream can be opened.
	erasedSubject = "rosey.import.erased"

	// importWindow is the shortest memory for message ids that a server permits:
	// an event that was appended twice, hours apart, comes twice within a moment.
	importWindow = 100 * time.Millisecond
	// importRepeat is how often an append waits for the server to forget an id.
	importRepeat = 50
)

var (
	// ErrImporting means that the stream is being imported, or was until something
	// interrupted that.
	ErrImporting = errors.New("the stream is not completely imported")
	// ErrNotEmpty means that there is a stream with a history of its own.
	ErrNotEmpty = errors.New("the stream holds events already")
	// ErrInterfered means that somebody else appended to the stream while it was
	// being restored.
	ErrInterfered = errors.New("somebody else appended to the stream while it was being imported")
)

// ImportOptions says what the restored stream is to be.
type ImportOptions struct {
	// Stream is what Setup would get for the stream.
	Stream StreamOptions
	// Identity is that of the original.
	Identity Identity
	// First and Last are the sequences that the stream is to have, erased ones
	// included; Last is First-1 for none.
	First, Last uint64
	// LastTime is when the last message was stored.
	LastTime time.Time
	// Subjects are those of messages that are none of the events'.
	Subjects []string
}

// Import makes a stream what another one was: same sequences, same identity, and
// messages that keep their times. Until Finish nothing else can open the stream.
type Import struct {
	s    *Stream
	o    ImportOptions
	next uint64
}

// BeginImport sets the stream up, or finds one whose import was interrupted.
// The error is ErrNotEmpty for a stream that holds, or has held, anything else.
func BeginImport(ctx context.Context, c *Conn, o ImportOptions) (*Import, error) {
	r, err := c.beginImport(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("streams: import stream %s: %w", StreamName, err)
	}
	return r, nil
}

func (c *Conn) beginImport(ctx context.Context, o ImportOptions) (*Import, error) {
	info, err := c.streamInfo(ctx)
	if err != nil && !errors.Is(err, ErrNoStream) {
		return nil, err
	}
	if err != nil || info.Config.Metadata[importingKey] == "" {
		if info, err = c.emptyStream(ctx, o.Stream); err != nil {
			return nil, err
		}
		if info, err = c.markImporting(ctx, info, o); err != nil {
			return nil, err
		}
	}
	if is := info.Config.Metadata[importingKey]; is != o.Identity.ID {
		return nil, fmt.Errorf("%w: it is being imported as %s", ErrNotEmpty, is)
	}
	s := newStream(c, info)
	s.identity, s.imported = o.Identity, imported{from: o.First, to: o.Last, last: o.LastTime}
	r := &Import{s: s, o: o, next: info.State.LastSeq + 1}
	if info.State.Msgs == 0 && r.next < o.First {
		// An empty stream begins where it is told to.
		if err := r.purge(ctx, jetstream.WithPurgeSequence(o.First)); err != nil {
			return nil, err
		}
		r.next = o.First
	}
	if info.State.Msgs > 0 && info.State.FirstSeq < o.First || r.next > o.Last+1 {
		return nil, fmt.Errorf("%w: seq=%d to seq=%d of another origin", ErrNotEmpty, info.State.FirstSeq, info.State.LastSeq)
	}
	return r, nil
}

// emptyStream sets the stream up, and refuses one that ever held anything.
func (c *Conn) emptyStream(ctx context.Context, o StreamOptions) (*jetstream.StreamInfo, error) {
	info, err := c.streamInfo(ctx)
	if err == nil && info.State.LastSeq > 0 {
		return nil, fmt.Errorf("%w: seq=%d to seq=%d", ErrNotEmpty, info.State.FirstSeq, info.State.LastSeq)
	}
	if err != nil && !errors.Is(err, ErrNoStream) {
		return nil, err
	}
	if _, _, err := c.setup(ctx, o, false); err != nil {
		return nil, err
	}
	return c.streamInfo(ctx)
}

// markImporting keeps everybody else from the stream.
func (c *Conn) markImporting(ctx context.Context, info *jetstream.StreamInfo, o ImportOptions) (*jetstream.StreamInfo, error) {
	cfg := info.Config
	cfg.Metadata = maps.Clone(cfg.Metadata)
	delete(cfg.Metadata, identityKey)
	cfg.Metadata[importingKey] = o.Identity.ID
	cfg.Duplicates = importWindow
	cfg.Subjects = append(slices.Clone(cfg.Subjects), erasedSubject)
	for _, subject := range o.Subjects {
		if !Binds(subject) {
			cfg.Subjects = append(cfg.Subjects, subject)
		}
	}
	info, err := c.updateStream(ctx, cfg)
	if err == nil && info.State.LastSeq > 0 {
		err = ErrInterfered
	}
	return info, err
}

func (c *Conn) updateStream(ctx context.Context, cfg jetstream.StreamConfig) (*jetstream.StreamInfo, error) {
	ctx, req := c.call(ctx)
	defer req.end()
	js, err := c.js.UpdateStream(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("change the stream: %w", describeAPI(req.explain(err)))
	}
	return js.CachedInfo(), nil
}

// Binds reports whether the stream's definition has room for a subject.
func Binds(subject string) bool { return len(covered([]string{subject}, events.StreamSubjects())) > 0 }

// Next is the sequence that the restored stream gets next. Before an interruption
// more than the first may have been restored.
func (r *Import) Next() uint64 { return r.next }

// Reader reads what is restored so far, with the original times. Placeholders are
// left out.
func (r *Import) Reader(ctx context.Context) (*ImportedReader, error) {
	rd, err := r.s.Reader(ctx, ReadOptions{From: r.o.First, UpTo: r.next - 1})
	if err != nil {
		return nil, err
	}
	return &ImportedReader{rd}, nil
}

// ImportedReader reads a stream that is being imported.
type ImportedReader struct{ r *Reader }

// Next returns the next message; see Reader.Next.
func (r *ImportedReader) Next(ctx context.Context) (Message, error) {
	for {
		m, err := r.r.Next(ctx)
		if err != nil || m.Subject != erasedSubject {
			return m, err
		}
	}
}

// Close ends the reader.
func (r *ImportedReader) Close() { r.r.Close() }

// Append restores messages, which follow each other in the order of their
// sequences; what lies between them was erased from the original.
func (r *Import) Append(ctx context.Context, messages []Message) error {
	b := r.batch()
	for _, m := range messages {
		if m.Seq < r.next+uint64(len(b.list)) || m.Seq > r.o.Last {
			return fmt.Errorf("streams: import seq=%d after seq=%d of %d: %w", m.Seq, r.next-1, r.o.Last, ErrBeyondEnd)
		}
		if err := r.placeholders(ctx, b, m.Seq); err != nil {
			return err
		}
		if b.full(m) {
			if err := r.flush(ctx, b); err != nil {
				return err
			}
		}
		b.add(appendOriginal(m))
	}
	return r.flush(ctx, b)
}

// placeholders fills up to a sequence.
func (r *Import) placeholders(ctx context.Context, b *importBatch, upTo uint64) error {
	for r.next+uint64(len(b.list)) < upTo {
		b.add(AppendMessage{Subject: erasedSubject})
		if len(b.list) >= b.most {
			if err := r.flush(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// importBatch gathers messages for one atomic append.
type importBatch struct {
	most int
	list []AppendMessage
	size int
	ids  map[string]bool
}

// batch begins a batch. Without atomic ones each message goes alone: what follows
// a message that the server takes for a duplicate would get its place.
func (r *Import) batch() *importBatch {
	if !r.s.atomic.Load() {
		return &importBatch{most: 1}
	}
	return &importBatch{most: MaxBatch}
}

// full reports whether a message has to wait for the next batch: an id cannot be
// twice in one.
func (b *importBatch) full(m Message) bool {
	return len(b.list) >= b.most || len(b.list) > 0 && b.size+len(m.Data) > MaxBatchBytes || m.MsgID != "" && b.ids[m.MsgID]
}

func (b *importBatch) add(m AppendMessage) {
	if m.MsgID != "" {
		if b.ids == nil {
			b.ids = map[string]bool{}
		}
		b.ids[m.MsgID] = true
	}
	b.list = append(b.list, m)
	b.size += len(m.Data)
}

// flush appends what was gathered, exactly where it belongs.
func (r *Import) flush(ctx context.Context, b *importBatch) error {
	unsure := false // an append without an answer may still come about
	for attempt := 0; len(b.list) > 0; attempt++ {
		// The first of a batch says what comes before it: whatever somebody else
		// appends meanwhile makes the append fail and does not come in between.
		b.list[0].expect(r.next - 1)
		acks, err := r.s.AppendBatch(ctx, b.list)
		stored := len(acks)
		if err == nil && slices.ContainsFunc(acks, func(a Ack) bool { return a.Duplicate }) {
			stored = slices.IndexFunc(acks, func(a Ack) bool { return a.Duplicate })
			err = ErrDuplicateInBatch
		}
		if stored > 0 && acks[stored-1].Seq != r.next+uint64(stored)-1 {
			return fmt.Errorf("streams: import seq=%d: %w: it became seq=%d", r.next, ErrInterfered, acks[stored-1].Seq-uint64(stored)+1)
		}
		unsure = unsure || errors.Is(err, ErrUncertain)
		if unsure && (errors.Is(err, ErrUncertain) || wrongSequence(err)) {
			stored, err = r.settle(ctx, len(b.list), err)
		}
		if wrongSequence(err) {
			err = fmt.Errorf("%w: %w", ErrInterfered, err)
		}
		b.list, r.next = b.list[stored:], r.next+uint64(stored)
		switch {
		case err == nil:
		case ctx.Err() != nil, attempt == importRepeat, !passing(err):
			return fmt.Errorf("streams: import seq=%d: %w", r.next, err)
		default:
			if err := pauseFor(ctx, importWindow/2); err != nil {
				return err
			}
		}
	}
	b.size = 0
	clear(b.ids)
	return nil
}

// passing reports whether an append may succeed a moment later.
func passing(err error) bool {
	return errors.Is(err, ErrDuplicateInBatch) || errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrFull) && !errors.Is(err, ErrPermission) && !errors.Is(err, ErrInterfered)
}

const codeWrongLastSequence jetstream.ErrorCode = 10071

// wrongSequence reports that the stream does not end where an append expected.
func wrongSequence(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == codeWrongLastSequence
}

// settle finds out how much of a batch was stored that no answer came for.
func (r *Import) settle(ctx context.Context, n int, cause error) (int, error) {
	info, err := r.s.c.streamInfo(ctx)
	if err != nil {
		return 0, fmt.Errorf("%w; how much of it is stored cannot be asked: %w", cause, err)
	}
	stored := info.State.LastSeq + 1 - r.next
	if info.State.LastSeq+1 < r.next || stored > uint64(n) {
		return 0, fmt.Errorf("%w: the stream ends at seq=%d", ErrInterfered, info.State.LastSeq)
	}
	if stored == 0 {
		return 0, fmt.Errorf("%w: %s", ErrUnavailable, cause.Error())
	}
	return int(stored), nil
}

func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// expect makes an append fail unless the stream ends at a sequence.
func (m *AppendMessage) expect(last uint64) {
	if m.Header == nil {
		m.Header = map[string][]string{}
	}
	m.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(last, 10))
}

// Finish fills the end, takes the placeholders out and gives the stream its
// identity: from here on it is the original.
func (r *Import) Finish(ctx context.Context) (*Stream, error) {
	s, err := r.finish(ctx)
	if err != nil {
		return nil, fmt.Errorf("streams: import stream %s: %w", StreamName, err)
	}
	return s, nil
}

func (r *Import) finish(ctx context.Context) (*Stream, error) {
	b := r.batch()
	if err := r.placeholders(ctx, b, r.o.Last+1); err != nil {
		return nil, err
	}
	if err := r.flush(ctx, b); err != nil {
		return nil, err
	}
	if err := r.purge(ctx, jetstream.WithPurgeSubject(erasedSubject)); err != nil {
		return nil, err
	}
	info, err := r.s.c.streamInfo(ctx)
	if err != nil {
		return nil, err
	}
	if info.State.LastSeq != r.o.Last {
		return nil, fmt.Errorf("%w: it ends at seq=%d", ErrInterfered, info.State.LastSeq)
	}
	cfg := info.Config
	cfg.Metadata = withIdentity(cfg.Metadata, r.o.Identity, r.s.imported)
	cfg.Duplicates = DuplicateWindow
	cfg.Subjects = slices.DeleteFunc(slices.Clone(cfg.Subjects), func(s string) bool {
		return s == erasedSubject || slices.Contains(r.o.Subjects, s) && !Binds(s)
	})
	if info, err = r.s.c.updateStream(ctx, cfg); err != nil {
		return nil, err
	}
	return newStream(r.s.c, info), nil
}

func (r *Import) purge(ctx context.Context, opt jetstream.StreamPurgeOpt) error {
	ctx, req := r.s.c.begin(ctx, "", 2*r.s.c.timeout) // two requests
	defer req.end()
	js, err := r.s.c.js.Stream(ctx, StreamName)
	if err == nil {
		err = js.Purge(ctx, opt)
	}
	if err != nil {
		return fmt.Errorf("purge: %w", req.explain(err))
	}
	return nil
}
