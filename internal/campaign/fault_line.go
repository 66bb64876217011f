package campaign

import (
	"context"
	"time"
)

// lineFaults are those of the line between CyTube and the bot.
func lineFaults() []fault {
	return []fault{
		{"cut cytube", func(ctx context.Context, s *segment) (bool, error) { return s.cutCyTube(ctx, 0) }},
		{"half-open cytube", func(ctx context.Context, s *segment) (bool, error) { return s.cutCyTube(ctx, time.Second) }},
	}
}

// cutCyTube cuts the line to the channel, after a silence where one is asked for.
func (s *segment) cutCyTube(ctx context.Context, silence time.Duration) (bool, error) {
	if s.cuts > 0 {
		// The bot waits longer after each loss in a row; another bot does not.
		if err := s.kill(s.bot); err != nil {
			return false, err
		}
		if err := s.start(ctx, s.bot); err != nil {
			return false, err
		}
	}
	if !s.until(ctx, s.patience(), func() bool { return s.channel.Clients() > 0 }) {
		return false, nil
	}
	s.moment(ctx, 150*time.Millisecond)
	before := s.channel.Clients()
	if silence > 0 {
		s.channel.Freeze(true)
		defer s.channel.Freeze(false)
		s.moment(ctx, silence)
	}
	s.channel.CutAll()
	s.cuts++
	return before > 0, nil
}

// What is looked for on the way between a part and the server.
const (
	pubAck   = `{"stream":"ROSEY","seq":` // a PubAck
	consumed = "PUB $JS.ACK.ROSEY."       // the projector's acknowledgement
)

// proxyFaults are those of the lines between the parts and the server.
func proxyFaults() []fault {
	bot := func(s *segment) *proxy { return s.botProxy }
	projector := func(s *segment) *proxy { return s.projectorProxy }
	return []fault{
		cutLine("cut nats of bot", bot),
		cutLine("cut nats of projector", projector),
		halfOpen("half-open nats of bot", bot),
		halfOpen("half-open nats of projector", projector),
		lost("lose the stream's answer", bot, toClient, pubAck),
		lost("lose the stream's answer", bot, toClient, pubAck),
		lost("lose the projector's ack", projector, toServer, consumed),
	}
}

func cutLine(kind string, which func(*segment) *proxy) fault {
	return fault{kind, func(ctx context.Context, s *segment) (bool, error) {
		cut := 0
		s.until(ctx, s.patience(), func() bool {
			cut = which(s).cut()
			return cut > 0
		})
		return cut > 0, nil
	}}
}

// halfOpen lets the line go silent for a while and then ends it.
func halfOpen(kind string, which func(*segment) *proxy) fault {
	return fault{kind, func(ctx context.Context, s *segment) (bool, error) {
		var silent []*link
		s.until(ctx, s.patience(), func() bool {
			silent = which(s).freeze()
			return len(silent) > 0
		})
		s.moment(ctx, 1500*time.Millisecond)
		for _, l := range silent {
			l.cut()
		}
		return len(silent) > 0, nil
	}}
}

// lost passes a request on and loses its answer, or loses an acknowledgement,
// and the line with it.
func lost(kind string, which func(*segment) *proxy, from direction, pattern string) fault {
	return fault{kind, func(ctx context.Context, s *segment) (bool, error) {
		sprung := which(s).lose(from, pattern)
		defer which(s).disarm()
		return s.until(ctx, s.patience(), func() bool {
			select {
			case <-sprung:
				return true
			default:
				return false
			}
		}), nil
	}}
}
