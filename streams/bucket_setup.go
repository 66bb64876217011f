package streams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// OutboundBucket holds the messages that the bot is to say, one key each.
	OutboundBucket = "ROSEY_OUTBOUND"
	// botsBucket holds a key for each bot that is alive.
	botsBucket = "ROSEY_BOTS"
)

const (
	// maxOutbound bounds the messages that wait or ended lately. Their number is
	// bounded and not their bytes: at such a limit a value could still be replaced,
	// but not by one that is longer.
	maxOutbound = 500_000
	// maxOutboundBytes is far above what one message of the queue needs.
	maxOutboundBytes = 256 << 10
	// endMark is how long the mark of a key that ended by itself is kept, for those
	// who watch.
	endMark = time.Minute
)

// bucketDefinitions are the wanted buckets, in this one place. The leases' is
// apart: it has to be there before the stream.
func bucketDefinitions(replicas int, serverVersion string) []jetstream.StreamConfig {
	outbound := bucketDefinition(OutboundBucket, "Rosey: messages that the bot is to say", replicas)
	outbound.MaxMsgs, outbound.MaxMsgSize = maxOutbound, maxOutboundBytes
	if versionAtLeast(serverVersion, 2, 11) {
		outbound.AllowMsgTTL, outbound.SubjectDeleteMarkerTTL = true, endMark
	}
	bots := bucketDefinition(botsBucket, "Rosey: bots that are alive", replicas)
	bots.MaxAge, bots.Duplicates = HeartbeatTTL, HeartbeatTTL
	return []jetstream.StreamConfig{outbound, bots}
}

func bucketDefinition(name, description string, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              bucketStream(name),
		Description:       description,
		Subjects:          []string{"$KV." + name + ".>"},
		Storage:           jetstream.FileStorage,
		Discard:           jetstream.DiscardNew,
		MaxMsgsPerSubject: 1,
		MaxMsgs:           -1,
		MaxBytes:          -1,
		MaxMsgSize:        -1,
		MaxConsumers:      -1,
		Replicas:          max(replicas, 1),
		Duplicates:        2 * time.Minute,
		AllowDirect:       true,
		AllowRollup:       true,
		// As in every bucket. A value can be purged all the same.
		DenyDelete: true,
	}
}

// remakeBucket is the remedy for what the server never changes on a bucket.
const remakeBucket = "the server cannot change it: remove the bucket (nats kv del NAME), which loses what waits in it, and run rosey stream setup"

// sharedBucketFields are the stream's properties that a bucket is compared in too.
var sharedBucketFields = []string{
	"storage", "retention", "mirror", "sealed", "asynchronous persistence", "subject transform", "max age", "max messages",
	"max messages per subject", "max message size", "max bytes", "discard", "replicas", "direct access", "rollup", "acknowledgements",
}

// bucketProperties lists everything in which a bucket is compared.
var bucketProperties = func() []property {
	list := []property{
		{
			name: "message ttl", show: func(c *jetstream.StreamConfig) string { return yes(c.AllowMsgTTL) },
			set: func(c, w *jetstream.StreamConfig) { c.AllowMsgTTL = w.AllowMsgTTL },
		},
		{
			name: "marker ttl", show: func(c *jetstream.StreamConfig) string { return c.SubjectDeleteMarkerTTL.String() },
			set: func(c, w *jetstream.StreamConfig) { c.SubjectDeleteMarkerTTL = w.SubjectDeleteMarkerTTL },
		},
	}
	for _, p := range properties {
		if slices.Contains(sharedBucketFields, p.name) {
			if p.set == nil {
				p.remedy = remakeBucket
			}
			list = append(list, p)
		}
	}
	return list
}()

// compareBucket lists how a bucket differs from the wanted one, and returns its
// configuration with everything changed that can be.
func compareBucket(is, want *jetstream.StreamConfig) ([]Difference, jetstream.StreamConfig) {
	diffs, repaired := compareProperties(bucketProperties, is, want)
	if len(without(want.Subjects, is.Subjects)) > 0 {
		diffs = append(diffs, Difference{Field: "subjects", Is: fmt.Sprint(is.Subjects), Want: fmt.Sprint(want.Subjects), Remedy: remakeBucket})
	}
	if is.AllowMsgTTL && !want.AllowMsgTTL {
		// Once given it cannot be taken, and does no harm.
		diffs = slices.DeleteFunc(diffs, func(d Difference) bool { return d.Field == "message ttl" || d.Field == "marker ttl" })
		repaired.AllowMsgTTL, repaired.SubjectDeleteMarkerTTL = true, is.SubjectDeleteMarkerTTL
	}
	for i := range diffs {
		diffs[i].Field = bucketField(want.Name, diffs[i].Field)
	}
	return diffs, repaired
}

// bucketField names a bucket, or a property of it, among the stream's properties.
func bucketField(stream, property string) string {
	name := "bucket " + stream[len(bucketStream("")):]
	if property == "" {
		return name
	}
	return name + ": " + property
}

// setupBuckets makes each bucket, or repairs it. As with the stream, what cannot
// be changed is ErrCannotChange.
func (c *Conn) setupBuckets(ctx context.Context, replicas int) ([]Change, error) {
	var changes []Change
	for _, want := range bucketDefinitions(replicas, c.nc.ConnectedServerVersion()) {
		done, err := c.setupBucket(ctx, want)
		changes = append(changes, done...)
		if err != nil {
			return changes, fmt.Errorf("%s: %w", bucketField(want.Name, ""), err)
		}
	}
	return changes, nil
}

func (c *Conn) setupBucket(ctx context.Context, want jetstream.StreamConfig) ([]Change, error) {
	lctx, req := c.call(ctx)
	defer req.end()
	js, err := c.js.Stream(lctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = c.js.CreateStream(lctx, want)
		if err == nil {
			return []Change{{Field: bucketField(want.Name, ""), Was: "none", Now: "created"}}, nil
		}
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // by another process, in this moment
			js, err = c.js.Stream(lctx, want.Name)
		}
	}
	if err != nil {
		return nil, describeAPI(req.explain(err))
	}
	diffs, repaired := compareBucket(&js.CachedInfo().Config, &want)
	var stuck []Difference
	var changes []Change
	for _, d := range diffs {
		if !d.Changeable {
			stuck = append(stuck, d)
			continue
		}
		changes = append(changes, Change{Field: d.Field, Was: d.Is, Now: d.Want})
	}
	if len(stuck) > 0 {
		return nil, &DifferenceError{Stream: want.Name, Differences: stuck}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	if _, err := c.js.UpdateStream(lctx, repaired); err != nil {
		return nil, fmt.Errorf("change %s: %w", changes[0].Field, describeAPI(req.explain(err)))
	}
	for _, ch := range changes {
		c.log.Info("bucket changed", "stream", want.Name, "field", ch.Field, "was", ch.Was, "now", ch.Now)
	}
	return changes, nil
}

// checkBuckets lists how the buckets differ from the wanted ones.
func (c *Conn) checkBuckets(ctx context.Context, replicas int) ([]Difference, error) {
	var all []Difference
	for _, want := range bucketDefinitions(replicas, c.nc.ConnectedServerVersion()) {
		lctx, req := c.call(ctx)
		js, err := c.js.Stream(lctx, want.Name)
		err = req.explain(err)
		req.end()
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			all = append(all, Difference{Field: bucketField(want.Name, ""), Is: "none", Want: "there", Changeable: true})
		case err != nil:
			return all, fmt.Errorf("ask for %s: %w", bucketField(want.Name, ""), err)
		default:
			diffs, _ := compareBucket(&js.CachedInfo().Config, &want)
			all = append(all, diffs...)
		}
	}
	return all, nil
}
