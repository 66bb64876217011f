package main

import (
	"context"
	"log/slog"
	"strings"

	"golang.org/x/sync/errgroup"

	"rosey/bot"
	"rosey/bot/cytube"
	"rosey/bot/outbound"
	"rosey/streams"
)

// speaker is a bot: it records its channel, and says there what is queued.
type speaker struct {
	*bot.Recorder
	sender *outbound.Sender
	stats  *outbound.Stats
}

// newSpeaker opens the recorder and gives it a voice, on whichever stream there is
// at the time.
func newSpeaker(ctx context.Context, rc bot.RecorderConfig, stream func(context.Context) (*streams.Stream, error), log *slog.Logger) (*speaker, error) {
	s := &speaker{stats: outbound.NewStats()}
	// Whoever is heard or counted here is so during Run, when there is a sender.
	rc.Hear = func(it cytube.Item) { s.sender.Hear(it) }
	rc.OutboundWaiting = func() int64 { return s.sender.Waiting() }
	rc.Heartbeats = func(ctx context.Context) (bot.Heartbeats, error) {
		st, err := stream(ctx)
		if err != nil {
			return nil, err
		}
		return st, nil
	}
	var err error
	if s.Recorder, err = bot.NewRecorder(ctx, rc); err != nil {
		return nil, err
	}
	s.sender, err = outbound.NewSender(outbound.SenderConfig{
		Channel: strings.ToLower(rc.CyTube.Channel), Producer: s.Producer(),
		Queue: func(ctx context.Context) (*outbound.Queue, error) {
			st, err := stream(ctx)
			if err != nil {
				return nil, err
			}
			return outbound.QueueConfig{Logger: log}.Open(ctx, st)
		},
		Line: s.Client(), Journal: s.Recorder, Acknowledged: s.Acknowledged, SettleEarlier: s.SettleEarlier, IsEarlier: s.IsEarlier, Leads: s.Leads,
		StopGrace: bot.SpeakLimit, Stats: s.stats, Logger: log, Crash: crash,
	})
	if err != nil {
		_ = s.Close() // it was never used
		return nil, err
	}
	return s, nil
}

// Run records and sends until the context ends. The sender ends first: what it
// learns of the line on its way has to be recorded.
func (s *speaker) Run(ctx context.Context) error {
	sendCtx, stopSending := context.WithCancel(ctx)
	defer stopSending()
	recordCtx, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRecording()
	g := new(errgroup.Group)
	g.Go(func() error {
		defer stopRecording()
		return s.sender.Run(sendCtx)
	})
	g.Go(func() error {
		defer stopSending()
		return s.Recorder.Run(recordCtx)
	})
	return g.Wait()
}
