package campaign

import (
	"context"
	"time"
)

// apartFaults are those of installations of three processes.
func apartFaults() []fault {
	var all []fault
	for range 2 {
		all = append(all,
			killed("kill server", 300*time.Millisecond, func(s *segment) []*part { return []*part{s.server} }),
			killed("kill bot", 300*time.Millisecond, func(s *segment) []*part { return []*part{s.bot} }),
			killed("kill projector", 300*time.Millisecond, func(s *segment) []*part { return []*part{s.projector} }),
			killed("kill two", 300*time.Millisecond, func(s *segment) []*part {
				i := s.rand.IntN(len(s.parts))
				return []*part{s.parts[i], s.parts[(i+1)%len(s.parts)]}
			}),
			killed("kill all", 300*time.Millisecond, everything),
		)
	}
	return append(all,
		killed("outage", outage, func(s *segment) []*part { return []*part{s.server} }),
		fault{"outage with bot killed", outageWithBotKilled},
		stopped("stop server", func(s *segment) *part { return s.server }),
		stopped("stop bot", func(s *segment) *part { return s.bot }),
		stopped("stop projector", func(s *segment) *part { return s.projector }),
	)
}

// togetherFaults are those of everything in one process.
func togetherFaults() []fault {
	return []fault{
		killed("kill up", 300*time.Millisecond, everything),
		killed("kill up", 300*time.Millisecond, everything),
		stopped("stop up", func(s *segment) *part { return s.server }),
	}
}

// outage bounds how long a server is away.
const outage = 3 * time.Second

func everything(s *segment) []*part { return s.parts }

// killed kills parts at some moment, and starts them a while later in some order.
func killed(kind string, away time.Duration, whom func(*segment) []*part) fault {
	return fault{kind, func(ctx context.Context, s *segment) (bool, error) {
		s.moment(ctx, 150*time.Millisecond)
		victims := whom(s)
		for _, p := range victims {
			if err := s.kill(p); err != nil {
				return false, err
			}
		}
		s.moment(ctx, away)
		for _, i := range s.rand.Perm(len(victims)) {
			if err := s.start(ctx, victims[i]); err != nil {
				return false, err
			}
		}
		return true, nil
	}}
}

// outageWithBotKilled kills the bot while its spool grows: only the spool's file
// knows of the lines then.
func outageWithBotKilled(ctx context.Context, s *segment) (bool, error) {
	if err := s.kill(s.server); err != nil {
		return false, err
	}
	for range 2 {
		s.moment(ctx, outage/3)
		if err := s.kill(s.bot); err != nil {
			return false, err
		}
		if err := s.start(ctx, s.bot); err != nil {
			return false, err
		}
	}
	s.moment(ctx, outage/3)
	return true, s.start(ctx, s.server)
}

// stopped lets a process stand still for a while.
func stopped(kind string, whom func(*segment) *part) fault {
	return fault{kind, func(ctx context.Context, s *segment) (bool, error) {
		d := 300*time.Millisecond + time.Duration(s.rand.IntN(1200))*time.Millisecond
		return whom(s).life.suspend(ctx, d), nil
	}}
}
