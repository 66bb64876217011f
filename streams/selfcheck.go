package streams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rosey/events"

	"github.com/nats-io/nats.go/jetstream"
)

// checkServices refuses any stream that captures a service subject: it would
// answer the request itself, in a race with the service.
func (c *Conn) checkServices(ctx context.Context) error {
	for _, subject := range events.ServiceSubjects() {
		name, err := c.streamOf(ctx, subject)
		if err != nil {
			return fmt.Errorf("check service subject %s: %w", subject, err)
		}
		if name != "" {
			return &CaptureError{Stream: name, Subject: subject}
		}
	}
	return nil
}

// checkEvents makes sure that each kind of event is stored. Subjects with
// wildcards look right and catch nothing when a token is missing.
func (c *Conn) checkEvents(ctx context.Context) error {
	kinds := events.Kinds()
	slices.Sort(kinds)
	for _, kind := range append(kinds, events.CyTubeKind("any")) {
		for _, subject := range []string{events.Subject(kind), events.SubjectFor(kind, "channel")} {
			name, err := c.streamOf(ctx, subject)
			if err != nil {
				return fmt.Errorf("check event subject %s: %w", subject, err)
			}
			if name != StreamName {
				if name == "" {
					name = "no stream"
				}
				return fmt.Errorf("%w: %s leads to %s: run rosey stream setup", ErrMisses, subject, name)
			}
		}
	}
	return nil
}

// streamOf returns the stream that stores a subject, empty for none.
func (c *Conn) streamOf(ctx context.Context, subject string) (name string, err error) {
	err = c.withLeader(ctx, func(ctx context.Context) error {
		ctx, req := c.call(ctx)
		defer req.end()
		name, err = c.js.StreamNameBySubject(ctx, subject)
		return req.explain(err)
	})
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return "", nil
	}
	return name, err
}

// Warnings lists what is worth saying about the server at start, one sentence
// each. It is complete once a stream was opened.
func (c *Conn) Warnings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for _, text := range c.warn {
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

// warnAbout notes what an external server may do to the stream's guarantees.
func (c *Conn) warnAbout(cfg *jetstream.StreamConfig) {
	name, version := c.nc.ConnectedServerName(), c.nc.ConnectedServerVersion()
	found := map[string]string{}
	if !versionAtLeast(version, 2, 12) {
		found["batches"] = fmt.Sprintf("NATS server %s has no atomic batches (2.12): a long spool drains message by message", version)
	}
	if !versionAtLeast(version, 2, 14) {
		found["reset"] = fmt.Sprintf("NATS server %s cannot reset a consumer (2.14): the projector's is deleted and created instead", version)
	}
	switch {
	case name == EmbeddedServerName(true), cfg.Replicas > 1:
	case name == EmbeddedServerName(false):
		found["sync"] = "the embedded server acknowledges before it syncs: a power cut loses the last seconds"
	default:
		found["sync"] = "stream " + StreamName + " has one replica: unless that NATS server syncs always " +
			"(sync_interval: always), a power cut loses up to two minutes of acknowledged events"
	}
	if cfg.Compression != compressionOf(cfg.Replicas) && cfg.Replicas > 1 {
		found["compression"] = fmt.Sprintf("stream %s is kept by %d servers and compressed: a server that is killed, or loses its power, "+
			"may come back with its copy destroyed; run rosey stream setup", StreamName, cfg.Replicas)
	}
	if cfg.MaxBytes <= 0 {
		found["size"] = "stream " + StreamName + " has no size limit: a full disk stops the NATS server"
	}
	if limit := c.nc.MaxPayload(); limit < 8<<20 && !strings.HasPrefix(name, embeddedName) {
		found["payload"] = fmt.Sprintf("NATS server takes messages up to %d bytes: larger events are stored in parts", limit)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warn = found
}
