package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"rosey/bot/outbound"
	"rosey/streams/service"
)

// queryService is the name under which the service of queries is found.
const queryService = "rosey-query"

// lookForServices says whether those services answer that should. Whether a
// projector runs elsewhere nobody can tell: then its service is not missed.
func (e *examination) lookForServices(ctx context.Context) {
	if e.cfg.stream == nil || e.cfg.Stopped {
		return
	}
	e.lookForService(ctx, ServiceOutbound, outbound.ServiceName, e.projecting, "bot and projector")
	e.lookForService(ctx, ServiceQuery, queryService, e.projecting, "the projector")
}

func (e *examination) lookForService(ctx context.Context, check, name string, expected bool, by string) {
	list, err := service.Find(ctx, e.cfg.Conn, name)
	switch {
	case err != nil:
		e.unknown(check, "try again, or look at the server's own log", "whether %s answers cannot be told: %v", name, err)
	case len(list) > 0:
		versions := map[string]bool{}
		for _, i := range list {
			versions[i.Version] = true
		}
		e.ok(check, "%s of %s answer, version %s", plural(len(list), "instance"), name, some(sorted(versions)))
	case expected:
		e.missed(check, name, by)
	case check == ServiceOutbound && len(e.report.Bots) > 0:
		// A heartbeat outlives a bot that was killed.
		if last, goOn := e.beatsGoOn(ctx); goOn {
			e.missed(check, name, by)
		} else {
			e.ok(check, "nobody has to answer: a bot ended without saying so, %s ago", max(0, e.now.Sub(last)).Round(time.Second))
		}
	}
}

func (e *examination) missed(check, name, by string) {
	e.wrong(check, fmt.Sprintf("look at the log of %s, and start it again", by), "nobody answers as %s, although %s should", name, by)
}

// sorted lists the keys of a map in order.
func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
