package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// stored is where a message lies.
type stored struct {
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
}

// Following returns the sequence of the first message after the given one, 0 where
// there is none, as the stream's leader has it. The error is ErrUnreadable where the
// leader counts one that it cannot read.
func (s *Stream) Following(ctx context.Context, seq uint64) (uint64, error) {
	next, err := s.c.storedFrom(ctx, StreamName, seq+1, nil)
	var hidden *hiddenError
	if errors.As(err, &hidden) {
		err = &UnreadableError{Seq: hidden.seq}
	}
	if err != nil {
		return 0, fmt.Errorf("streams: %w", err)
	}
	return next.Seq, nil
}

// storedFrom returns the first message of a stream, from a sequence on, that is about
// one of the subjects; all are meant where there are none. Its sequence is 0 where
// there is no such message.
//
// The leader is asked. What a consumer says of the end is what the server has on which
// it runs, and a replica that has just come back, or has just been made, may have
// less. The error is a *hiddenError where the leader counts such a message and does not
// find one.
func (c *Conn) storedFrom(ctx context.Context, stream string, seq uint64, subjects []string) (first stored, err error) {
	if len(subjects) == 0 {
		subjects = []string{">"}
	}
	for _, subject := range subjects {
		m, err := c.next(ctx, stream, seq, subject)
		if err != nil {
			return stored{}, fmt.Errorf("ask the leader of stream %s for what follows seq=%d: %w", stream, seq, err)
		}
		if m.Seq > 0 && (first.Seq == 0 || m.Seq < first.Seq) {
			first = m
		}
	}
	return first, nil
}

// hiddenError says that the leader counts a message which it does not find.
type hiddenError struct{ seq uint64 } // or one that follows

func (e *hiddenError) Error() string {
	return fmt.Sprintf("the server counts seq=%d and does not find it", e.seq)
}

// next asks for one subject. That there is nothing is not believed without a proof: the
// server says the same of what it cannot read.
func (c *Conn) next(ctx context.Context, stream string, seq uint64, subject string) (stored, error) {
	var counted uint64
	for range 2 { // something may have been stored between the questions
		m, err := c.ask(ctx, stream, map[string]any{"seq": seq, "next_by_subj": subject})
		if err != nil || m.Seq > 0 {
			return m, err
		}
		if counted, err = c.counted(ctx, stream, seq, subject); err != nil || counted == 0 {
			return stored{}, err
		}
	}
	return stored{}, &hiddenError{counted}
}

// counted returns from where on the leader counts a message that is about a subject, at
// a sequence or behind it. It is 0 where all was erased.
func (c *Conn) counted(ctx context.Context, stream string, seq uint64, subject string) (uint64, error) {
	if subject == ">" {
		return c.notErased(ctx, stream, seq)
	}
	last, err := c.ask(ctx, stream, map[string]any{"last_by_subj": subject})
	if err != nil {
		return 0, err
	}
	if last.Seq > 0 && last.Seq < seq {
		return 0, nil
	}
	ctx, req := c.call(ctx)
	defer req.end()
	handle, err := c.js.Stream(ctx, stream)
	if err != nil {
		return 0, req.explain(err)
	}
	info, err := handle.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, req.explain(err)
	}
	if len(info.State.Subjects) == 0 {
		return 0, nil
	}
	return seq, nil
}

// notErased returns the first sequence from one on that the leader does not call erased,
// 0 for none.
func (c *Conn) notErased(ctx context.Context, stream string, seq uint64) (uint64, error) {
	state, err := c.stateWithErased(ctx, stream)
	if err != nil {
		return 0, err
	}
	seq = max(seq, state.FirstSeq)
	behind, _ := slices.BinarySearch(state.Deleted, seq)
	for _, erased := range state.Deleted[behind:] {
		if erased != seq {
			break
		}
		seq++
	}
	if seq > state.LastSeq {
		return 0, nil
	}
	return seq, nil
}

// ask asks for one message. The client library has no method that does so and is
// answered by the leader alone.
func (c *Conn) ask(ctx context.Context, stream string, which map[string]any) (stored, error) {
	data, err := json.Marshal(which)
	if err != nil {
		return stored{}, err
	}
	to := "$JS.API.STREAM.MSG.GET." + stream
	ctx, req := c.begin(ctx, to, c.timeout)
	defer req.end()
	m, err := c.nc.RequestWithContext(ctx, to, data)
	if errors.Is(err, nats.ErrNoResponders) {
		return stored{}, fmt.Errorf("%w: %w", ErrNoJetStream, err)
	}
	if err != nil {
		return stored{}, req.explain(err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message stored              `json:"message"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return stored{}, fmt.Errorf("read the answer: %w", err)
	}
	switch {
	case answer.Error == nil:
		return answer.Message, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return stored{}, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeStreamNotFound:
		return stored{}, ErrNoStream
	}
	return stored{}, describeAPI(answer.Error)
}
