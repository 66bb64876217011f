package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// Keep is how many generations Prune leaves by default.
const Keep = 2

// Grace is how long a generation has to stay after it was the current one, however
// few are kept. Whoever opens the link has followed it before the file is open, and
// its log only after that: a name that goes in between would be an error for one
// who did nothing wrong, or half a database.
const Grace = 10 * time.Second

// LastSwap is when another generation took the place of the current one; zero where
// that never happened. All that are neither the current one nor the one before it
// had ceased to be current before then.
func (s Store) LastSwap() time.Time {
	info, err := os.Lstat(s.Link + beforeSuffix)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// Settling is how long what the last swap replaced has to stay yet, where Grace is
// that long; 0 where it need not. A swap in the future is one before the clock was set
// back: how long ago nobody knows, and waiting for the clock to get there again would
// keep the disk full.
func (s Store) Settling(grace time.Duration) time.Duration {
	ago := time.Since(s.LastSwap())
	if ago >= grace || ago < -grace {
		return 0
	}
	return min(grace-ago, grace)
}

// Prune removes all but keep generations: the current one stays, then the one
// before it, then the newest of the others, and whatever is retained or spared. One
// that is being made is none of them. Less than one counts as Keep. Whoever calls it
// spares what was the current one within Grace.
func (s Store) Prune(keep int, spared ...Generation) error {
	old, err := s.Old(keep, spared...)
	if err != nil {
		return err
	}
	for _, g := range old {
		if err := RemoveFile(g.Path); err != nil {
			return err
		}
	}
	return s.forgetBefore()
}

// Old lists what Prune would remove.
func (s Store) Old(keep int, spared ...Generation) ([]Generation, error) {
	if keep < 1 {
		keep = Keep
	}
	current, err := s.Current()
	if err != nil {
		return nil, err
	}
	rest, err := s.others(current)
	if err != nil {
		return nil, err
	}
	var old []Generation
	for i, g := range rest {
		if i < keep-1 || slices.Contains(spared, g) {
			continue
		}
		kept, err := s.retained(g)
		if err != nil {
			return nil, err
		}
		if !kept {
			old = append(old, g)
		}
	}
	return old, nil
}

// forgetBefore removes the link to the generation before where that one is gone.
func (s Store) forgetBefore() error {
	n := s.before()
	if n == 0 {
		return nil
	}
	if _, err := os.Lstat(s.file(n)); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.Remove(s.Link + beforeSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("schema: forget the generation before: %w", err)
	}
	return nil
}

// others lists the finished generations beside the current one: first the one
// that was current before it, then the newest ones.
func (s Store) others(current Generation) ([]Generation, error) {
	all, err := s.all()
	if err != nil {
		return nil, err
	}
	before := s.before()
	var list []Generation
	for _, g := range all {
		if unfinished, err := marked(g, unfinishedSuffix); err != nil {
			return nil, err
		} else if g.Number != current.Number && !unfinished {
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(a, b Generation) int {
		if first := a.Number == before; first != (b.Number == before) {
			if first {
				return -1
			}
			return 1
		}
		return b.Number - a.Number
	})
	return list, nil
}

// Previous returns the generation that was current before the present one, so
// that the previous one of that is the present one again. It is ErrNoPrevious
// where there is none any more.
func (s Store) Previous() (Generation, error) {
	current, err := s.Current()
	if err != nil {
		return Generation{}, err
	}
	list, err := s.others(current)
	if err != nil {
		return Generation{}, err
	}
	if len(list) == 0 {
		return Generation{}, fmt.Errorf("schema: %s: %w", s.Link, ErrNoPrevious)
	}
	return list[0], nil
}

// beforeSuffix names the link to the generation that was current before.
const beforeSuffix = ".before"

// before is the number of the generation that was current before; 0 where that is
// not known.
func (s Store) before() int {
	target, err := os.Readlink(s.Link + beforeSuffix)
	if err != nil {
		return 0
	}
	n, _ := s.number(target)
	return n
}

// retainSuffix names the empty file that marks a generation as retained.
const retainSuffix = ".keep"

// Retain marks a generation that neither Prune nor Discard may remove, because
// no rebuild makes it again. It is left to a person.
func (s Store) Retain(g Generation) error { return mark(g, retainSuffix) }

func (s Store) retained(g Generation) (bool, error) { return marked(g, retainSuffix) }
