package query

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"rosey/schema"
	"rosey/schema/schematest"
)

// given is a projection of which a test says everything.
type given struct{ file schema.Opened }

func (g *given) Database() schema.Opened                       { return g.file }
func (g *given) WaitFor(context.Context, uint64) error         { return nil }
func (g *given) Delay(time.Time) (uint64, time.Duration, bool) { return 0, 0, false }
func open(t testing.TB) schema.Opened {
	t.Helper()
	path := schematest.Open(t).Path()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return schema.Opened{Path: path, File: info, Current: true}
}

func nothing(schema.Queryer) error { return nil }

func TestPool_FollowsTheProjector(t *testing.T) {
	t.Parallel()
	g := new(given)
	p := newPool(g, 2)
	if err := p.read(t.Context(), nothing); !errors.Is(err, schema.ErrNoDatabase) {
		t.Errorf("before there is a database: %v", err)
	}
	g.file = open(t)
	first := g.file
	var h *handle
	err := p.read(t.Context(), func(schema.Queryer) error {
		h = p.file
		// Given up in the middle of a question: this one and others go on.
		g.file.Current = false
		if err := p.read(t.Context(), nothing); err != nil {
			t.Errorf("while it is given up: %v", err)
		}
		g.file = open(t)
		if err := p.read(t.Context(), nothing); err != nil || p.file == h || !p.file.file.Same(g.file) {
			t.Errorf("with the next one: %v", err)
		}
		if h.users != 1 {
			t.Errorf("the old one has %d users, want this one", h.users)
		}
		return nil
	})
	if err != nil || h.users != 0 || h.db.PingContext(t.Context()) == nil {
		t.Errorf("after its last question the old one is open: %v", err)
	}
	g.file.Path = ""
	if err := p.read(t.Context(), nothing); !errors.Is(err, schema.ErrNoDatabase) {
		t.Errorf("with none any more: %v", err)
	}
	g.file = first
	g.file.Current = false
	last := p.file
	if err := p.read(t.Context(), nothing); err != nil || p.file != last {
		t.Errorf("one that is given up is not opened: %v", err)
	}
	p.close()
	if err := p.read(t.Context(), nothing); !errors.Is(err, schema.ErrNoDatabase) || last.users != 0 {
		t.Errorf("after the end: %v", err)
	}
}

func TestPool_ABrokenConnectionIsOpenedAnew(t *testing.T) {
	t.Parallel()
	g := &given{open(t)}
	p := newPool(g, 1)
	defer p.close()
	if err := p.read(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	r := <-p.file.readers
	if err := r.conn.Close(); err != nil {
		t.Fatal(err)
	}
	p.file.readers <- r
	broken := p.file
	if err := p.read(t.Context(), nothing); err != nil || p.file == broken || broken.users != 0 {
		t.Errorf("the next question: %v", err)
	}
}

func TestPool_QuestionsWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	p := newPool(&given{open(t)}, 1)
	defer p.close()
	err := p.read(t.Context(), func(schema.Queryer) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.read(ctx, nothing); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second question: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
