package healing

import (
	"errors"
	"testing"
	"time"

	"rosey/projector"
	"rosey/replay"
	"rosey/streams"
)

func (r *rig) deleteStream() {
	r.t.Helper()
	if err := r.direct.JetStream().DeleteStream(r.t.Context(), streams.StreamName); err != nil {
		r.t.Fatal(err)
	}
}

// bindNothing lets the stream take no more, and returns what it took so far.
func (r *rig) bindNothing() []string {
	r.t.Helper()
	js := r.direct.JetStream()
	s, err := js.Stream(r.t.Context(), streams.StreamName)
	if err != nil {
		r.t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	subjects := cfg.Subjects
	cfg.Subjects = []string{"nothing"}
	if _, err := js.UpdateStream(r.t.Context(), cfg); err != nil {
		r.t.Fatal(err)
	}
	return subjects
}

// stopped waits until the projector ends by itself, and returns why.
func (r *rig) stopped() error {
	r.t.Helper()
	select {
	case err := <-r.projEnd:
		r.projEnd <- err // for whoever asks again
		return err
	case <-time.After(patience):
		r.t.Fatalf("the projector did not stop; %s", r.state())
		return nil
	}
}

// The stream as it was is the same stream: nobody has to be told anything.
func TestInstallation_StreamDeletedAndRestored(t *testing.T) {
	t.Parallel()
	_, o := embeddedEnv(t)
	r := newRig(t, o)
	r.say(100)
	r.caughtUp()
	r.until("the spool is empty", func() bool { return r.bot.Status().Depth.Events == 0 })
	// Not one event may come between the backup and the deletion: that would be an
	// older state, which is another test.
	subjects := r.bindNothing()
	b := takeBackup(t, r.direct).binding(t, subjects)
	r.deleteStream()
	r.say(100)
	r.until("both parts tell that there is no stream", func() bool {
		return errors.Is(r.proj.Status().Trouble, streams.ErrNoStream) && r.bot.Status().Failing != nil
	})
	b.restore(t, r.direct)
	r.say(100)
	r.check()
}

// What the stream had acknowledged and lost again cannot come back. The projector
// stops with a reason, and the gap shows in the tables that are made anew.
func TestInstallation_OlderStreamRestored(t *testing.T) {
	t.Parallel()
	_, o := embeddedEnv(t)
	r := newRig(t, o)
	r.say(100)
	r.caughtUp()
	b := takeBackup(t, r.direct)
	r.say(100)
	r.caughtUp()
	r.until("the spool is empty", func() bool { return r.bot.Status().Depth.Events == 0 })
	r.deleteStream()
	b.restore(t, r.direct)
	r.say(20)
	if err := r.stopped(); !errors.Is(err, projector.ErrAhead) && !errors.Is(err, projector.ErrOtherHistory) {
		t.Errorf("the projector stopped with: %v", err)
	}
	r.until("the log tells of the older state", func() bool { return r.log.has("component=spool", "restored to an older state") })
	r.checkGap(120)
}

// A stream made anew is another one. The projector stops; the bot goes on, says
// so, and what is not in the new stream shows as a gap.
func TestInstallation_StreamMadeAnew(t *testing.T) {
	t.Parallel()
	_, o := embeddedEnv(t)
	r := newRig(t, o)
	r.say(100)
	r.caughtUp()
	r.until("the spool is empty", func() bool { return r.bot.Status().Depth.Events == 0 })
	r.deleteStream()
	var err error
	if r.stream, _, err = streams.Setup(t.Context(), r.direct, r.o.stream); err != nil {
		t.Fatal(err)
	}
	r.say(20)
	if err := r.stopped(); !errors.Is(err, projector.ErrOtherStream) {
		t.Errorf("the projector stopped with: %v", err)
	}
	r.until("the log tells of the other stream", func() bool { return r.log.has("component=spool", "another one than before") })
	r.checkGap(20)
}

// checkGap rebuilds the tables from the stream as it is: so many lines, nothing
// twice, and a gap where lines are missing.
func (r *rig) checkGap(lines int64) {
	r.t.Helper()
	r.until("the spool is empty", func() bool { return r.bot.Status().Depth.Events == 0 })
	r.until("the bot has heard everything", func() bool {
		list := r.stored()
		n := int64(0)
		for i := range list {
			if list[i].Subject == "rosey.db.message.log" {
				n++
			}
		}
		return n >= lines
	})
	if err := r.stopBot(); err != nil {
		r.t.Errorf("the bot ended with: %v", err)
	}
	if err := r.proj.Close(); err != nil {
		r.t.Fatal(err)
	}
	cfg := replay.Config{Stream: r.stream, DefaultChannel: r.channel.Name(), Logger: r.log.Logger}
	if _, err := replay.Swap(r.t.Context(), r.store, cfg); err == nil {
		r.t.Error("a rebuild replaced the last copy of the lost history without being forced to")
	}
	cfg.Force = true
	if _, err := replay.Swap(r.t.Context(), r.store, cfg); err != nil {
		r.t.Fatal(err)
	}
	if n := r.number("SELECT count(*) FROM chat_messages WHERE notice = ''"); n != lines {
		r.t.Errorf("%d lines, want %d", n, lines)
	}
	if n := r.number("SELECT count(*) FROM producer_positions WHERE gaps <> '[]'"); n != 1 {
		r.t.Errorf("%d producers with gaps, want 1", n)
	}
	r.checkReplay()
}
