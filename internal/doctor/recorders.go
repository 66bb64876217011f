package doctor

import (
	"context"

	"rosey/bot/spool"
)

// lookForRecorders notes the producers that record at this moment. The right to
// record outlives its holder for a while: in a data folder that has its own
// server the holder counts only where its spool does.
func (e *examination) lookForRecorders(ctx context.Context) {
	if e.cfg.Stopped {
		return
	}
	list, err := e.cfg.stream.Recorders(ctx)
	if err != nil {
		return // only where a spool is not at hand does it matter, and then it is unknown
	}
	for _, p := range list {
		e.holders[p] = true
		e.alive[p] = e.cfg.External || e.hasSpool(ctx, p)
	}
}

// hasSpool reports whether the producer's spool is at hand. It may have begun
// since the spools were looked at.
func (e *examination) hasSpool(ctx context.Context, producer string) bool {
	if _, ok := e.spooled[producer]; ok {
		return true
	}
	paths, err := e.spoolPaths()
	if err != nil {
		return false
	}
	for _, path := range paths {
		in, err := spool.Inspect(ctx, path)
		if err != nil {
			continue
		}
		for _, p := range in.Producers {
			if p.Producer == producer {
				return true
			}
		}
	}
	return false
}

// standsBy reports whether a producer has said nothing but that it has begun,
// while another one records the channel.
func (e *examination) standsBy(name string) bool {
	if e.scan == nil || e.holders[name] {
		return false
	}
	own, ok := e.scan.began[name]
	a := e.scan.producers[name]
	if !ok || a == nil || a.present.last() != 1 {
		return false
	}
	for holder := range e.holders {
		if b, ok := e.scan.began[holder]; ok && b.channel == own.channel {
			return true
		}
	}
	return false
}
