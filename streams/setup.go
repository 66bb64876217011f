package streams

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoRoom means that the server has less storage than the stream may need.
var ErrNoRoom = errors.New("the server has less storage than the stream may need")

// minDefaultBytes is how small a stream becomes where nobody chose its size.
const minDefaultBytes int64 = 256 << 20

// Setup creates the stream, or compares the existing one with the wanted
// definition and changes what can be changed; each change is returned. What
// cannot be changed is ErrCannotChange, and then nothing is changed at all.
// A new stream whose size nobody chose becomes as large as the server permits,
// which is a change too; a chosen one that does not fit is ErrNoRoom.
// Several processes may call Setup at once. Only what owns the installation
// calls it; everything else calls Open.
func Setup(ctx context.Context, c *Conn, o StreamOptions) (*Stream, []Change, error) {
	s, changes, err := c.setup(ctx, o, false)
	if err != nil {
		return nil, changes, fmt.Errorf("streams: set up stream %s: %w", StreamName, err)
	}
	return s, changes, nil
}

// setup also takes a stream that is being restored where the caller restores it.
func (c *Conn) setup(ctx context.Context, o StreamOptions, restoring bool) (*Stream, []Change, error) {
	if err := o.Validate(); err != nil {
		return nil, nil, err
	}
	// Before creating anything: a foreign stream that captures a service subject
	// would usually also overlap with ours, and this names the cause.
	if err := c.checkServices(ctx); err != nil {
		return nil, nil, err
	}
	if !restoring {
		// A queue that was restored without its stream is no beginning of another one.
		if err := c.queueWhole(ctx); err != nil {
			return nil, nil, err
		}
	}
	want := definition(o, c.nc.ConnectedServerVersion())
	var changes []Change
	info, err := c.streamInfo(ctx)
	if errors.Is(err, ErrNoStream) {
		// First the buckets: a stream that takes all there is leaves no room for them.
		if err = c.setupLeases(ctx, want.Replicas); err == nil {
			_, err = c.setupBuckets(ctx, want.Replicas)
		}
		if err == nil {
			info, changes, err = c.createFitting(ctx, &want, o.MaxBytes == 0)
		}
	}
	if err == nil {
		err = notImporting(info)
	}
	if err == nil && !restoring {
		err = notRestoring(&info.Config)
	}
	if err == nil && info.Config.Metadata[restoringKey] != "" {
		want.MaxMsgs = info.Config.MaxMsgs // it is full until the restore is finished
	}
	if err != nil {
		return nil, nil, err
	}
	keepUnset(&want, &info.Config, o)
	repairs, info, err := c.repairStream(ctx, info, want)
	changes = append(changes, repairs...)
	if err != nil {
		return nil, changes, err
	}
	if err := c.setupLeases(ctx, info.Config.Replicas); err != nil {
		return nil, changes, err
	}
	made, err := c.setupBuckets(ctx, info.Config.Replicas)
	changes = append(changes, made...)
	if err != nil {
		return nil, changes, err
	}
	s, err := c.useStream(ctx, info)
	return s, changes, err
}

// createFitting creates the stream; with shrink it halves the size until the
// server has room for it, which no client can ask beforehand.
func (c *Conn) createFitting(ctx context.Context, want *jetstream.StreamConfig, shrink bool) (*jetstream.StreamInfo, []Change, error) {
	wanted := want.MaxBytes
	for {
		info, changes, err := c.createStream(ctx, *want)
		if shrink && errors.Is(err, ErrNoRoom) && want.MaxBytes/2 >= minDefaultBytes {
			want.MaxBytes /= 2
			continue
		}
		if err == nil && want.MaxBytes < wanted && len(changes) > 0 {
			change := Change{Field: "max bytes", Was: limitText(wanted) + " does not fit on the server", Now: limitText(want.MaxBytes)}
			c.log.Warn("the stream is smaller than usual", "stream", StreamName, "change", change.String())
			changes = append(changes, change)
		}
		return info, changes, err
	}
}

// createStream creates the stream, or finds the one that another process
// created in the same moment.
func (c *Conn) createStream(ctx context.Context, want jetstream.StreamConfig) (*jetstream.StreamInfo, []Change, error) {
	want.Metadata = map[string]string{identityKey: uuid.NewString()}
	lctx, req := c.call(ctx)
	defer req.end()
	js, err := c.js.CreateStream(lctx, want)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		info, err := c.streamInfo(ctx)
		return info, nil, err
	}
	if err != nil {
		return nil, nil, fmt.Errorf("create: %w", describeAPI(req.explain(err)))
	}
	return js.CachedInfo(), []Change{{Field: "stream", Was: "none", Now: "created"}}, nil
}

// repairStream changes what can be changed, or nothing where something cannot.
func (c *Conn) repairStream(ctx context.Context, info *jetstream.StreamInfo, want jetstream.StreamConfig) ([]Change, *jetstream.StreamInfo, error) {
	if want.MaxBytes > 0 && uint64(want.MaxBytes) < info.State.Bytes {
		// The server would take it, and refuse every event from then on.
		return nil, info, fmt.Errorf("%w: %d bytes for %d", ErrTooSmall, want.MaxBytes, info.State.Bytes)
	}
	diffs, repaired := compare(&info.Config, &want)
	var stuck []Difference
	var changes []Change
	for _, d := range diffs {
		switch {
		case !d.harmless():
			stuck = append(stuck, d)
		case d.Changeable:
			changes = append(changes, Change{Field: d.Field, Was: d.Is, Now: d.Want, Next: d.Remedy})
		default:
			c.log.Warn("stream differs from its definition", "stream", StreamName, "difference", d.String())
		}
	}
	if len(stuck) > 0 {
		return nil, info, &DifferenceError{Stream: StreamName, Differences: stuck}
	}
	if info.Config.Metadata[identityKey] == "" {
		// Derived, so that two processes repairing at once agree.
		id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s %d", StreamName, info.Created.UnixNano())).String()
		metadata := map[string]string{identityKey: id}
		for k, v := range info.Config.Metadata {
			if k != identityKey {
				metadata[k] = v
			}
		}
		repaired.Metadata = metadata
		changes = append(changes, Change{Field: "identity", Was: "none", Now: id})
	}
	if len(changes) == 0 {
		return nil, info, nil
	}
	ctx, req := c.call(ctx)
	defer req.end()
	js, err := c.js.UpdateStream(ctx, repaired)
	if err != nil {
		return nil, info, fmt.Errorf("change %s: %w", changes[0].Field, describeAPI(req.explain(err)))
	}
	for _, ch := range changes {
		c.log.Info("stream changed", "stream", StreamName, "field", ch.Field, "was", ch.Was, "now", ch.Now)
	}
	return changes, js.CachedInfo(), nil
}

// Open returns the existing stream. The error is ErrNoStream or ErrNoIdentity
// where Setup has to come first, ErrMisses or ErrCaptures where subjects would
// go astray.
func Open(ctx context.Context, c *Conn) (*Stream, error) {
	info, err := c.streamInfo(ctx)
	if err == nil {
		err = errors.Join(notImporting(info), notRestoring(&info.Config))
	}
	if err == nil && info.Config.Metadata[identityKey] == "" {
		err = fmt.Errorf("%w: run rosey stream setup", ErrNoIdentity)
	}
	if err == nil {
		err = c.checkServices(ctx)
	}
	var s *Stream
	if err == nil {
		s, err = c.useStream(ctx, info)
	}
	if err != nil {
		return nil, fmt.Errorf("streams: open stream %s: %w", StreamName, err)
	}
	return s, nil
}

// Check lists how the stream differs from the wanted definition, and changes
// nothing.
func Check(ctx context.Context, c *Conn, o StreamOptions) ([]Difference, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("streams: check stream %s: %w", StreamName, err)
	}
	info, err := c.streamInfo(ctx)
	if err != nil {
		return nil, fmt.Errorf("streams: check stream %s: %w", StreamName, err)
	}
	want := definition(o, c.nc.ConnectedServerVersion())
	keepUnset(&want, &info.Config, o)
	diffs, _ := compare(&info.Config, &want)
	if info.Config.Metadata[identityKey] == "" {
		diffs = append(diffs, Difference{Field: "identity", Is: "none", Want: "a UUID", Changeable: true})
	}
	if err := errors.Join(notImporting(info), notRestoring(&info.Config)); err != nil {
		diffs = append(diffs, Difference{Field: "state", Is: "a part of it", Want: "whole", Remedy: err.Error()})
	}
	buckets, err := c.checkBuckets(ctx, want.Replicas)
	diffs = append(diffs, buckets...)
	if err != nil {
		return diffs, fmt.Errorf("streams: check stream %s: %w", StreamName, err)
	}
	err = c.checkServices(ctx)
	var capture *CaptureError
	if errors.As(err, &capture) {
		diffs = append(diffs, Difference{
			Field: "service subject " + capture.Subject, Is: "captured by stream " + capture.Stream, Want: "captured by none",
			Remedy: capture.Error(),
		})
		err = nil
	}
	if err != nil {
		return diffs, fmt.Errorf("streams: check stream %s: %w", StreamName, err)
	}
	return diffs, nil
}

// notImporting refuses a stream that is not whole yet.
func notImporting(info *jetstream.StreamInfo) error {
	if info.Config.Metadata[importingKey] != "" {
		return fmt.Errorf("%w: run rosey import events with the same archive until it is", ErrImporting)
	}
	return nil
}

// useStream finishes Setup and Open.
func (c *Conn) useStream(ctx context.Context, info *jetstream.StreamInfo) (*Stream, error) {
	if err := c.checkEvents(ctx); err != nil {
		return nil, err
	}
	c.warnAbout(&info.Config)
	return newStream(c, info), nil
}

// streamInfo asks the server for the stream.
func (c *Conn) streamInfo(ctx context.Context) (*jetstream.StreamInfo, error) {
	js, err := c.streamHandle(ctx, StreamName)
	switch {
	case err == nil:
		return js.CachedInfo(), nil
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, fmt.Errorf("%w: run rosey server, rosey up or rosey stream setup first", ErrNoStream)
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("%w: %w", ErrNoJetStream, err)
	default:
		return nil, fmt.Errorf("ask for the stream: %w", err)
	}
}

// streamHandle asks for any stream, and has a cluster choose a leader.
func (c *Conn) streamHandle(ctx context.Context, name string) (js jetstream.Stream, err error) {
	err = c.withLeader(ctx, func(ctx context.Context) error {
		ctx, req := c.call(ctx)
		defer req.end()
		js, err = c.js.Stream(ctx, name)
		return req.explain(err)
	})
	return js, err
}

// describeAPI adds the next step to what the server refuses often.
func describeAPI(err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch api.ErrorCode {
	case codeStorageExceeded, codeInsufficient, codeAccountResourcesUsed:
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	case 10074, 10005: // replicas without a cluster, too few peers
		if strings.Contains(api.Description, "insufficient storage") { // no code of its own
			return fmt.Errorf("%w: %w", ErrNoRoom, err)
		}
		return fmt.Errorf("%w: set replicas to 1, or run a cluster of that size", err)
	case 10065: // overlap
		return fmt.Errorf("%w: another stream holds event subjects; find it with nats stream ls --subjects and remove them from it", err)
	case 10058:
		return fmt.Errorf("%w: somebody changed the stream in the same moment; try again", err)
	}
	return err
}
