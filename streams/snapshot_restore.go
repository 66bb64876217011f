package streams

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// RestoreOptions says how a restored stream may differ from the one that was
// copied.
type RestoreOptions struct {
	// Replicas is 1, 3 or 5. Default: as it was, and 1 on a server without a cluster.
	Replicas int
	// MaxBytes is the size at which it takes no more, where it had such a limit.
	// Default: as it was.
	MaxBytes int64
	// Metadata is added to the stream's own.
	Metadata map[string]string
	// Mark, where it is set, keeps everybody from using it until FinishRestore. The
	// stream takes no message until then.
	Mark string
	// Progress, where it is set, is told how many bytes the server has taken.
	Progress func(taken int64)
}

// Restored is a stream that was restored, as the server has it.
type Restored struct {
	State State
	// Changes are what had to be other than it was.
	Changes []Change
}

const (
	// restoreWindow is how many pieces are on their way before the server has taken
	// the first.
	restoreWindow = 32
	// restoreEnd is how long the server may take to open what it was given.
	restoreEnd = 10 * time.Minute
	// replicasWait is how long the other servers of a cluster may take for their
	// copies.
	replicasWait = 2 * time.Minute
)

// Restore makes a stream out of a snapshot's bytes. There must be none of its name:
// ErrStreamExists. Other errors are ErrServerTooOld, ErrNoRoom, ErrPermission,
// ErrDisconnected and what the server says of bytes that it cannot use; after any
// of them it has no such stream.
func (c *Conn) Restore(ctx context.Context, s Snapshot, r io.Reader, o RestoreOptions) (Restored, error) {
	restored, err := c.restore(ctx, s, r, o)
	if err != nil {
		return restored, fmt.Errorf("streams: restore stream %s: %w", s.Stream, err)
	}
	return restored, nil
}

// CheckRestore reports whether Restore would be refused from the start, and changes
// nothing.
func (c *Conn) CheckRestore(ctx context.Context, s Snapshot, o RestoreOptions) error {
	err := c.checkRestore(ctx, s, o)
	if err != nil {
		return fmt.Errorf("streams: restore stream %s: %w", s.Stream, err)
	}
	return nil
}

func (c *Conn) checkRestore(ctx context.Context, s Snapshot, o RestoreOptions) error {
	if err := (StreamOptions{Replicas: o.Replicas, MaxBytes: o.MaxBytes}).Validate(); err != nil {
		return err
	}
	if have := c.nc.ConnectedServerVersion(); !readsSnapshotsOf(have, s.Server) {
		return fmt.Errorf("%w: it is version %s, and the snapshot was made by version %s", ErrServerTooOld, have, s.Server)
	}
	if o.MaxBytes > 0 && uint64(o.MaxBytes) < s.Bytes {
		return fmt.Errorf("%w: %d bytes for %d", ErrTooSmall, o.MaxBytes, s.Bytes)
	}
	switch _, err := c.infoOf(ctx, s.Stream); {
	case err == nil:
		return ErrStreamExists
	case !errors.Is(err, ErrNoStream):
		return err
	}
	return nil
}

// readsSnapshotsOf reports whether a server reads what another one wrote: the
// format changes with minor versions, forward only.
func readsSnapshotsOf(server, writer string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(writer, "%d.%d", &major, &minor); err != nil {
		return true // who knows: the server itself will say
	}
	return versionAtLeast(server, major, minor)
}

func (c *Conn) restore(ctx context.Context, s Snapshot, r io.Reader, o RestoreOptions) (Restored, error) {
	if err := c.checkRestore(ctx, s, o); err != nil {
		return Restored{}, err
	}
	config, changes, err := adaptConfig(s, o, c.nc.ConnectedClusterName() != "")
	if err != nil {
		return Restored{}, err
	}
	ctx, done := c.whileConnected(ctx)
	defer done()
	request := map[string]any{"config": config, "state": s.State}
	a, err := c.askAPI(ctx, "$JS.API.STREAM.RESTORE."+s.Stream, request, snapshotStart)
	if err != nil {
		return Restored{}, err
	}
	if err := c.sendChunks(ctx, a.Deliver, r, o.Progress); err != nil {
		return Restored{}, errors.Join(err, c.takeBack(s.Stream))
	}
	restored := Restored{Changes: changes}
	info, err := c.restoredInfo(ctx, s)
	if err != nil {
		return restored, errors.Join(err, c.takeBack(s.Stream))
	}
	restored.State = stateOf(info)
	for _, ch := range changes {
		c.log.Info("stream restored with a change", "stream", s.Stream, "field", ch.Field, "was", ch.Was, "now", ch.Now)
	}
	return restored, nil
}

// restoredInfo returns what came of a restore, once all copies of it are there.
func (c *Conn) restoredInfo(ctx context.Context, s Snapshot) (*jetstream.StreamInfo, error) {
	if err := c.awaitReplicas(ctx, s.Stream); err != nil {
		return nil, err
	}
	info, err := c.infoOf(ctx, s.Stream)
	if err != nil {
		return nil, err
	}
	return info, stateOf(info).holds(s)
}

// takeBack removes what a restore that failed has left. Whatever ended it does not
// end this.
func (c *Conn) takeBack(stream string) error {
	if !c.IsConnected() {
		return nil // the server gives up what is not finished
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	return c.Discard(ctx, stream)
}

// sendChunks gives the server the bytes, as fast as it takes them.
func (c *Conn) sendChunks(ctx context.Context, subject string, r io.Reader, progress func(int64)) error {
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	answers := &chunkReader{sub: sub}
	buf := make([]byte, chunkBytes)
	var taken int64
	var waiting []int
	acknowledged := func(left int) error {
		for len(waiting) > left {
			m, err := answers.receive(ctx)
			if err != nil {
				return err
			}
			if err := refusal(m); err != nil {
				return err
			}
			taken += int64(waiting[0])
			waiting = waiting[1:]
			if progress != nil {
				progress(taken)
			}
		}
		return nil
	}
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			// The client's buffer keeps a copy of it.
			if err := c.nc.PublishRequest(subject, inbox, buf[:n]); err != nil {
				return fmt.Errorf("%w: %w", ErrDisconnected, err)
			}
			waiting = append(waiting, n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the snapshot: %w", err)
		}
		if err := acknowledged(restoreWindow - 1); err != nil {
			return err
		}
	}
	if err := acknowledged(0); err != nil {
		return err
	}
	_, err = c.askRaw(ctx, subject, nil, restoreEnd)
	return err
}

// refusal is what the server says where it takes no more.
func refusal(m *nats.Msg) error {
	if len(m.Data) == 0 {
		if m.Header.Get("Status") == "503" {
			return fmt.Errorf("%w: nobody takes the snapshot any more", ErrSnapshot)
		}
		return nil
	}
	_, err := readAnswer(m.Data)
	return err
}

// adaptConfig is the configuration to restore with. What this program does not know
// of it stays as it was.
func adaptConfig(s Snapshot, o RestoreOptions, clustered bool) (map[string]any, []Change, error) {
	config := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(s.Config))
	d.UseNumber() // sizes must not become floating point
	if err := d.Decode(&config); err != nil {
		return nil, nil, fmt.Errorf("read the snapshot's configuration: %w", err)
	}
	var changes []Change
	replicas := o.Replicas
	if replicas == 0 {
		if replicas = max(s.Replicas, 1); !clustered {
			replicas = 1
		}
	}
	if replicas != max(s.Replicas, 1) {
		changes = append(changes, Change{Field: "replicas", Was: strconv.Itoa(s.Replicas), Now: strconv.Itoa(replicas)})
	}
	config["num_replicas"] = replicas
	if s.Stream == StreamName {
		// What the server copies is not compressed, whatever the stream's own files are.
		was, now := jetstream.NoCompression, compressionOf(replicas)
		if config["compression"] == "s2" {
			was = jetstream.S2Compression
		}
		if was != now {
			changes = append(changes, Change{Field: fieldCompression, Was: was.String(), Now: now.String()})
			config["compression"] = now
		}
	}
	if o.MaxBytes > 0 && s.MaxBytes > 0 && o.MaxBytes != s.MaxBytes {
		changes = append(changes, Change{Field: "max bytes", Was: limitText(s.MaxBytes), Now: limitText(o.MaxBytes)})
		config["max_bytes"] = o.MaxBytes
	}
	if _, placed := config["placement"]; placed {
		// The names of other servers mean nothing here.
		delete(config, "placement")
		changes = append(changes, Change{Field: "placement", Was: "as on the old servers", Now: "any"})
	}
	metadata := map[string]any{}
	if had, ok := config["metadata"].(map[string]any); ok {
		for k, v := range had {
			if !strings.HasPrefix(k, "_nats.") { // the server's own, of its own version
				metadata[k] = v
			}
		}
	}
	for k, v := range o.Metadata {
		metadata[k] = v
	}
	delete(metadata, restoringKey)
	if o.Mark != "" {
		metadata[restoringKey] = o.Mark
		if s.Stream == StreamName {
			// Publishers that were connected before are asked nothing: what they sent now
			// would be gone if the restore began again.
			config["max_msgs"] = max(s.Messages, 1)
		}
	}
	config["metadata"] = metadata
	return config, changes, nil
}

// holds reports whether a restored stream has what the snapshot promised. It may
// have more: some servers let in what was stored while they copied.
func (st State) holds(s Snapshot) error {
	first := max(s.FirstSeq, 1)
	switch {
	case s.Identity != st.Identity.ID:
		return fmt.Errorf("%w: the identity is %q, and was %q", ErrSnapshot, st.Identity.ID, s.Identity)
	case st.LastSeq < s.LastSeq, s.Identity != "" && st.FirstSeq != first:
		return fmt.Errorf("%w: it has sequences %d to %d, and the snapshot %d to %d", ErrSnapshot, st.FirstSeq, st.LastSeq, first, s.LastSeq)
	case s.Identity != "" && st.Messages < s.Messages: // what waits in a bucket may end meanwhile
		return fmt.Errorf("%w: it has %d messages, and the snapshot %d", ErrSnapshot, st.Messages, s.Messages)
	}
	return nil
}

// infoOf asks for any stream.
func (c *Conn) infoOf(ctx context.Context, stream string) (*jetstream.StreamInfo, error) {
	js, err := c.streamHandle(ctx, stream)
	switch {
	case err == nil:
		return js.CachedInfo(), nil
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, ErrNoStream
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("%w: %w", ErrNoJetStream, err)
	default:
		return nil, fmt.Errorf("ask for the stream: %w", err)
	}
}

// awaitReplicas waits until every server that is to have a copy has it: until then
// the loss of one server could be that of the stream.
func (c *Conn) awaitReplicas(ctx context.Context, stream string) error {
	deadline := time.Now().Add(replicasWait)
	for {
		info, err := c.infoOf(ctx, stream)
		behind := 0
		if err == nil {
			behind = len(laggards(info))
		}
		if err == nil && behind == 0 && (info.Cluster == nil || info.Cluster.Leader != "") {
			return nil
		}
		if time.Now().After(deadline) {
			if err == nil {
				c.log.Warn("the stream is restored, and not on all servers yet", "stream", stream, "behind", behind)
			}
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func laggards(info *jetstream.StreamInfo) []string {
	var names []string
	if info.Cluster != nil {
		for _, p := range info.Cluster.Replicas {
			if !p.Current {
				names = append(names, p.Name)
			}
		}
	}
	return names
}

// Discard removes a stream that a restore has made and that is not to stay. It is
// for the one who restored it alone.
func (c *Conn) Discard(ctx context.Context, stream string) error {
	lctx, req := c.call(ctx)
	defer req.end()
	if err := c.js.DeleteStream(lctx, stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("streams: discard stream %s: %w", stream, req.explain(err))
	}
	return nil
}
