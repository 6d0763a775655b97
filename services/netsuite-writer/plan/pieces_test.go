package plan

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// toldPieces writes shares as "externalId of bill: quantity × amount + tax", and what the deposits give back.
func toldPieces(s Shares) (list []string) {
	for _, c := range s.Credits {
		word := fmt.Sprintf("%s of %s:", c.ExternalID(), c.Bill.ID)
		for _, l := range c.Refund.Lines {
			word += fmt.Sprintf(" %s × %s + %s", l.Quantity, l.Amount, l.Tax)
		}
		list = append(list, word)
	}
	if !s.Unbilled.IsZero() {
		list = append(list, "deposits: "+s.Unbilled.String())
	}
	return list
}

// piece is what a bill holds of line 1 and item 7.
func piece(bill string, quantity int64, amount string) Billed {
	return Billed{ID: bill, Record: "invoice", Lines: map[string]BilledLine{"1": {Line: "1", Item: "7", Quantity: money.Int(quantity), Amount: money.MustParse(amount)}}}
}

// inPieces is refund 9 of pieces of line 1, and the order, whose line bears tax.
func inPieces(quantity int64, amount, tax string) generated {
	g := generated{lines: []event.LedgerLine{{Key: "line-1", Line: "1"}}, order: event.DesiredOrderV1{SalesOrder: event.SalesOrder{
		Currency: "USD", TaxMode: event.TaxOverride, Lines: []event.OrderLine{{Key: "line-1", TaxReference: "line-1"}},
	}}}
	g.rates("line-1")
	l := event.CreditLine{Key: "line-1", Quantity: money.Int(quantity), Amount: money.MustParse(amount), Tax: money.MustParse(tax)}
	g.refund = event.CustomerRefund{
		ExternalID: "wc-cr-main-36-9", Refund: "9", Amount: l.Amount.Add(l.Tax), Lines: []event.CreditLine{l}, Item: &event.Ref{Record: "item", By: "name", Key: "WOO-REFUND"},
	}
	return g
}

// The shares by hand: three pieces of 10.00, two on bill 20 (6.67) and one on bill 21 (3.33), unless the case says otherwise.
func TestSharesOfALineInPieces(t *testing.T) {
	strange, unclear := piece("20", 1, "3.34"), piece("20", 2, "6.67")
	strange.Lines["1"] = BilledLine{Line: "1", Quantity: money.Int(1), Amount: money.MustParse("3.34"), Strange: true}
	unclear.Lines["1"] = BilledLine{Line: "1", Quantity: money.Int(2), Amount: money.MustParse("6.67"), Unclear: true}
	both := []Billed{piece("20", 2, "6.67"), piece("21", 1, "3.33")}
	for name, c := range map[string]struct {
		quantity    int64
		amount, tax string
		bills       []Billed
		want        []string // nil: a question
	}{
		"one piece":                            {1, "3.33", "0.25", both, []string{"wc-cm-main-36-9 of 20: 1 × 3.33 + 0.25"}},
		"all pieces":                           {3, "10.00", "0.74", both, []string{"wc-cm-main-36-9 of 20: 2 × 6.67 + 0.49", "wc-cm-main-36-9-2 of 21: 1 × 3.33 + 0.25"}},
		"two are left":                         {2, "6.67", "0.49", []Billed{piece("20", 1, "3.34"), piece("21", 1, "3.33")}, []string{"wc-cm-main-36-9 of 20: 1 × 3.34 + 0.25", "wc-cm-main-36-9-2 of 21: 1 × 3.33 + 0.24"}},
		"the oldest first":                     {2, "6.00", "0", []Billed{piece("20", 1, "3.33"), piece("21", 2, "6.67")}, []string{"wc-cm-main-36-9 of 20: 1 × 3.00 + 0.00", "wc-cm-main-36-9-2 of 21: 1 × 3.00 + 0.00"}},
		"the first has none left":              {1, "3.33", "0.25", []Billed{piece("20", 0, "0.01"), piece("21", 1, "3.33")}, []string{"wc-cm-main-36-9 of 21: 1 × 3.33 + 0.25"}},
		"the first has less money left":        {2, "5.00", "0.50", []Billed{piece("20", 1, "1.00"), piece("21", 1, "5.00")}, []string{"wc-cm-main-36-9 of 20: 1 × 1.00 + 0.10", "wc-cm-main-36-9-2 of 21: 1 × 4.00 + 0.40"}},
		"the other has the money":              {1, "3.00", "0", []Billed{piece("20", 1, "1.00"), piece("21", 1, "5.00")}, []string{"wc-cm-main-36-9 of 20: 1 × 1.00 + 0.00", "wc-cm-main-36-9-2 of 21: 0 × 2.00 + 0.00"}},
		"the last takes the rounding":          {3, "10.00", "0", []Billed{piece("20", 1, "3.33"), piece("21", 1, "3.33"), piece("22", 1, "3.33")}, []string{"wc-cm-main-36-9 of 20: 1 × 3.33 + 0.00", "wc-cm-main-36-9-2 of 21: 1 × 3.33 + 0.00", "wc-cm-main-36-9-3 of 22: 1 × 3.34 + 0.00"}},
		"one is not billed":                    {4, "13.33", "1.00", both, []string{"wc-cm-main-36-9 of 20: 2 × 6.67 + 0.50", "wc-cm-main-36-9-2 of 21: 1 × 3.33 + 0.25", "deposits: 3.58"}},
		"one bill, and one is not billed":      {2, "6.67", "0", []Billed{piece("20", 1, "3.33")}, []string{"wc-cm-main-36-9 of 20: 1 × 3.33 + 0.00", "deposits: 3.34"}},
		"the billed ones went back":            {1, "3.33", "0.25", []Billed{piece("20", 0, "0.00"), piece("21", 0, "0.00")}, []string{"deposits: 3.58"}},
		"money alone":                          {0, "2.00", "0.15", both, []string{"wc-cm-main-36-9 of 20: 0 × 2.00 + 0.15"}},
		"money alone, of both":                 {0, "8.00", "0.59", both, []string{"wc-cm-main-36-9 of 20: 0 × 6.67 + 0.49", "wc-cm-main-36-9-2 of 21: 0 × 1.33 + 0.10"}},
		"money alone, more than there is":      {0, "10.03", "0", both, nil},
		"more money than the bills hold":       {3, "10.03", "0", both, nil},
		"people credited one, others are left": {1, "3.33", "0", []Billed{strange, piece("21", 1, "3.33")}, []string{"wc-cm-main-36-9 of 20: 1 × 3.33 + 0.00"}},
		"people credited one, none is left":    {3, "10.00", "0", []Billed{strange, piece("21", 1, "3.33")}, nil},
		"nobody knows of which line":           {1, "3.33", "0", []Billed{unclear, piece("21", 1, "3.33")}, nil},
	} {
		g := inPieces(c.quantity, c.amount, c.tax)
		got, err := SharesOf(g.refund, g.order, g.lines, c.bills)
		if diff := cmp.Diff(c.want, toldPieces(got)); diff != "" || (c.want == nil) != (fault.CodeOf(err) == fault.RefundUncovered) {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// What nobody has shipped or billed goes back from the deposits, because the order loses it; of the others a bill gives back those
// that the shop wants no more. Three pieces of 10.00, of which refunds of before gave some back, and refund 9 the last.
func TestSharesOfWhatIsNotShipped(t *testing.T) {
	two, three := []Billed{piece("20", 2, "6.67")}, []Billed{piece("20", 2, "6.67"), piece("21", 1, "3.33")}
	for name, c := range map[string]struct {
		shipped, billed int64
		before, pieces  int64 // given back
		credited        int64 // of those before: the others came from deposits
		bills           []Billed
		want            []string
	}{
		"two of three are shipped and billed":          {2, 2, 0, 1, 0, two, []string{"deposits: 3.33"}},
		"the second that goes back":                    {2, 2, 1, 1, 0, two, []string{"wc-cm-main-36-9 of 20: 1 × 3.33 + 0.00"}},
		"two at once":                                  {2, 2, 0, 2, 0, two, []string{"wc-cm-main-36-9 of 20: 1 × 3.33 + 0.00", "deposits: 3.33"}},
		"all":                                          {2, 2, 0, 3, 0, two, []string{"wc-cm-main-36-9 of 20: 2 × 6.66 + 0.00", "deposits: 3.33"}},
		"the last, the one before of a bill":           {2, 2, 2, 1, 1, two, []string{"wc-cm-main-36-9 of 20: 1 × 3.33 + 0.00"}},
		"billed in advance":                            {0, 2, 0, 1, 0, two, []string{"deposits: 3.33"}},
		"all are shipped, and two billed":              {3, 2, 0, 1, 0, two, []string{"wc-cm-main-36-9 of 20: 1 × 3.33 + 0.00"}},
		"all are shipped and billed":                   {3, 3, 0, 1, 0, three, []string{"wc-cm-main-36-9 of 20: 1 × 3.33 + 0.00"}},
		"all are shipped and billed, all go back":      {3, 3, 0, 3, 0, three, []string{"wc-cm-main-36-9 of 20: 2 × 6.66 + 0.00", "wc-cm-main-36-9-2 of 21: 1 × 3.33 + 0.00"}},
		"two bills of one each, and one of two remain": {2, 2, 0, 2, 0, []Billed{piece("20", 1, "3.33"), piece("21", 1, "3.33")}, []string{"wc-cm-main-36-9 of 20: 1 × 3.33 + 0.00", "deposits: 3.33"}},
	} {
		g := inPieces(c.pieces, inCents(333*c.pieces).String(), "0")
		earlier := inPieces(c.before, inCents(333*c.before).String(), "0").refund
		earlier.Refund = "8"
		g.order.Refunds = []event.CustomerRefund{earlier, g.refund}
		left, held := money.Int(3-c.before-c.pieces), money.Int(3)
		g.order.SalesOrder.Lines[0].Quantity = &left
		if left.IsZero() { // a closed line keeps its quantity
			g.order.SalesOrder.Lines[0].Quantity, g.order.SalesOrder.Lines[0].Closed = &held, true
		}
		l, bills := event.Ledger{}, copied(c.bills)
		if c.credited > 0 {
			l.Credits = []event.LedgerMoney{{Key: "8", Bill: "20", Lines: []event.LedgerCredit{{Key: "line-1", Quantity: money.Int(c.credited), Amount: inCents(333 * c.credited)}}}}
		}
		TakeBooked(bills, g.lines, l, "9")
		TakeKept(bills, g.refund, g.order, g.lines, []Line{{Number: "1", Quantity: held, Fulfilled: money.Int(c.shipped), Billed: money.Int(c.billed)}})
		got, err := SharesOf(g.refund, g.order, g.lines, bills)
		if diff := cmp.Diff(c.want, toldPieces(got)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// A bill that holds all lines of a refund is credited alone only where it has the pieces.
func TestSharesOfALineInPiecesBesideAnother(t *testing.T) {
	g := inPieces(2, "6.66", "0")
	g.lines = append(g.lines, event.LedgerLine{Key: "line-2", Line: "2"})
	g.refund.Lines = append(g.refund.Lines, event.CreditLine{Key: "line-2", Quantity: money.Int(1), Amount: money.MustParse("5.00")})
	g.refund.Amount = money.MustParse("11.66")
	for left, want := range map[int64][]string{
		1: {"wc-cm-main-36-9 of 20: 1 × 3.33 + 0.00", "wc-cm-main-36-9-2 of 21: 1 × 3.33 + 0.00 1 × 5.00 + 0.00"},
		2: {"wc-cm-main-36-9 of 21: 2 × 6.66 + 0.00 1 × 5.00 + 0.00"},
	} {
		bills := []Billed{piece("20", 2, "6.67"), piece("21", left, "6.67")}
		if left == 1 {
			bills[0] = piece("20", 1, "3.33")
		}
		bills[1].Lines["2"] = BilledLine{Line: "2", Quantity: money.Int(1), Amount: money.MustParse("5.00")}
		got, err := SharesOf(g.refund, g.order, g.lines, bills)
		if diff := cmp.Diff(want, toldPieces(got)); diff != "" || err != nil {
			t.Errorf("%d left: %v (-want +got):\n%s", left, err, diff)
		}
	}
}

// What earlier credits took back is known from the ledger, else from NetSuite's credits by their items.
func TestTaken(t *testing.T) {
	order := []event.LedgerLine{{Key: "line-1", Line: "1"}, {Key: "line-2", Line: "2"}}
	entry := func(id, refund, bill string) event.LedgerMoney {
		e := event.LedgerMoney{RecordID: event.RecordID{ID: id}, Key: refund, Bill: bill}
		if bill != "" {
			e.Lines = []event.LedgerCredit{{Key: "line-1", Quantity: money.Int(1), Amount: money.MustParse("3.00")}}
		}
		return e
	}
	l := event.Ledger{Credits: []event.LedgerMoney{entry("50", "7", "20"), entry("51", "9", "20"), entry("52", "8", "")}, Refunds: []event.LedgerMoney{entry("53", "6", "21")}}
	taken := func(credit, bill, item string) Taken {
		return Taken{Credit: credit, Bill: bill, Item: item, Quantity: money.Int(1), Amount: money.MustParse("2.00")}
	}
	for name, c := range map[string]struct {
		found []Taken
		want  string // of line 1 of bills 20 and 21
	}{
		"the ledger's, but for the refund's own": {nil, "4 × 17.00, 4 × 17.00"},
		"one that the ledger tells of":           {[]Taken{taken("50", "20", "7"), taken("53", "21", "7")}, "4 × 17.00, 4 × 17.00"},
		"ours, whose lines the ledger lacks":     {[]Taken{taken("52", "21", "7")}, "4 × 17.00, 3 × 15.00"},
		"one of people's":                        {[]Taken{taken("60", "20", "7")}, "3 × 15.00 strange, 4 × 17.00"},
		"of another item":                        {[]Taken{taken("60", "20", "9")}, "4 × 17.00, 4 × 17.00"},
		"of an item on two lines":                {[]Taken{taken("60", "20", "8")}, "4 × 17.00, 4 × 17.00"},
	} {
		bills := []Billed{piece("20", 5, "20.00"), piece("21", 5, "20.00")}
		for _, number := range []string{"2", "3"} {
			bills[0].Lines[number] = BilledLine{Line: number, Item: "8", Quantity: money.Int(1), Amount: money.MustParse("5.00")}
		}
		TakeBooked(bills, order, l, "9")
		TakeFound(bills, l, c.found)
		got := ""
		for _, line := range holders(bills, "1") {
			got += map[bool]string{false: "", true: ", "}[got != ""] + line.Quantity.String() + " × " + line.Amount.String() + map[bool]string{true: " strange"}[line.Strange]
		}
		if unclear := bills[0].Lines["2"].Unclear && bills[0].Lines["3"].Unclear; got != c.want || unclear != (name == "of an item on two lines") {
			t.Errorf("%s: %s, unclear %v; want %s", name, got, unclear, c.want)
		}
	}
}

// NetSuite's credits are read only where they decide.
func TestInPieces(t *testing.T) {
	order := []event.LedgerLine{{Key: "line-1", Line: "1"}}
	entry := func(refund, bill string) event.LedgerMoney { return event.LedgerMoney{Key: refund, Bill: bill} }
	told := event.Ledger{Credits: []event.LedgerMoney{entry("9", ""), entry("7", "20")}, Refunds: []event.LedgerMoney{entry("7", "")}}
	for name, c := range map[string]struct {
		pieces int64
		bills  []Billed
		ledger event.Ledger
		want   bool
	}{
		"one bill has them":                 {2, []Billed{piece("20", 2, "1.00")}, told, false},
		"one bill has fewer":                {3, []Billed{piece("20", 2, "1.00")}, told, true},
		"two bills":                         {1, []Billed{piece("20", 2, "1.00"), piece("21", 1, "1.00")}, told, true},
		"no bill":                           {1, []Billed{{ID: "20"}}, event.Ledger{Credits: []event.LedgerMoney{entry("6", "")}}, false},
		"an earlier credit was found again": {1, []Billed{piece("20", 2, "1.00")}, event.Ledger{Credits: []event.LedgerMoney{entry("6", "")}}, true},
		"an earlier refund names no bill":   {1, []Billed{piece("20", 2, "1.00")}, event.Ledger{Refunds: []event.LedgerMoney{entry("6", "")}}, true},
	} {
		if got := InPieces(inPieces(c.pieces, "1.00", "0").refund, order, c.bills, c.ledger); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A credit that is gone from NetSuite with its refund takes nothing back any more.
func TestVoidedCreditsTakeNothing(t *testing.T) {
	taken := []event.LedgerCredit{{Key: "line-1", Quantity: money.Int(1), Amount: money.MustParse("3.33")}}
	l := event.Ledger{Credits: []event.LedgerMoney{{Key: "7", Bill: "20", Lines: taken}, {Key: "8", Bill: "20", Lines: taken}}}
	bills := []Billed{piece("20", 2, "6.67")}
	if !Void(&l, "7") {
		t.Error("the ledger knows the refund")
	}
	TakeBooked(bills, []event.LedgerLine{{Key: "line-1", Line: "1"}}, l, "9")
	if left := bills[0].Lines["1"]; left.Quantity.String() != "1" || left.Amount.String() != "3.34" {
		t.Errorf("%s × %s are left, want 1 × 3.34", left.Quantity, left.Amount)
	}
}

// A credit is a share of a refund by its name, whatever its case; no other refund's is.
func TestIsShare(t *testing.T) {
	r := event.CustomerRefund{ExternalID: "wc-cr-Main-37-7"}
	for name, want := range map[string]bool{
		"wc-cm-main-37-7": true, "WC-CM-MAIN-37-7-2": true, "wc-cr-main-37-7": true, "wc-cr-main-37-7-1": true,
		"wc-cm-main-37-72": false, "wc-cr-main-37-72": false, "wc-cm-main-37": false, "": false,
	} {
		if got := IsShare(name, r); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// inCents writes cents as an amount.
func inCents(n int64) money.Amount { return money.MustParse(fmt.Sprintf("%d.%02d", n/100, n%100)) }

// sold is a line of an order of which bills hold pieces, and what the shop has not given back of it.
type sold struct {
	bills             []Billed
	pieces, cash, tax int64
}

// sell bills some of a line's pieces, each bill's money rounded by itself.
func sell(t *rapid.T) sold {
	s := sold{cash: rapid.Int64Range(0, 9999).Draw(t, "price"), tax: rapid.Int64Range(0, 999).Draw(t, "tax")}
	var billed []int64
	for range rapid.IntRange(1, 3).Draw(t, "bills") {
		billed = append(billed, rapid.Int64Range(1, 4).Draw(t, "billed"))
		s.pieces += billed[len(billed)-1]
	}
	s.pieces += rapid.Int64Range(0, 2).Draw(t, "not billed")
	for n, pieces := range billed {
		s.bills = append(s.bills, piece(fmt.Sprint(20+n), pieces, inCents((2*s.cash*pieces+s.pieces)/(2*s.pieces)).String()))
	}
	return s
}

// give draws a refund: pieces with at most their share of the money, all that is left with the last of them, or money alone.
func (s *sold) give(t *rapid.T, n int) generated {
	pieces := rapid.Int64Range(0, s.pieces).Draw(t, "pieces")
	cash, tax := s.cash, s.tax
	if pieces < s.pieces {
		cash, tax = rapid.Int64Range(0, s.cash*max(pieces, 1)/s.pieces).Draw(t, "cash"), rapid.Int64Range(0, s.tax*max(pieces, 1)/s.pieces).Draw(t, "tax of it")
	}
	s.pieces, s.cash, s.tax = s.pieces-pieces, s.cash-cash, s.tax-tax
	g := inPieces(pieces, inCents(cash).String(), inCents(tax).String())
	g.refund.Refund, g.refund.ExternalID = fmt.Sprint(n), fmt.Sprint("wc-cr-main-36-", n)
	return g
}

// copied are bills as they are read again.
func copied(bills []Billed) (list []Billed) {
	for _, b := range bills {
		b.Lines = map[string]BilledLine{"1": b.Lines["1"]}
		list = append(list, b)
	}
	return list
}

// Invariant 5: of a line billed in pieces no cent and no piece appears or vanishes, refund after refund. The oldest bills give
// back their pieces first, none is credited beyond what it holds but for rounding, and a refund taken up again is the same.
func TestPiecesSumToTheRefunds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, l := sell(t), event.Ledger{}
		for n := 1; n < 6 && s.pieces > 0; n++ {
			g := s.give(t, n)
			bills := copied(s.bills)
			TakeBooked(bills, g.lines, l, g.refund.Refund)
			got, err := SharesOf(g.refund, g.order, g.lines, bills)
			if err != nil {
				if money := g.refund.Lines[0]; !beyond(money, bills) {
					t.Fatalf("%v, though the bills hold %v", err, bills)
				}
				continue
			}
			checkPieces(t, g, got, bills)
			for i, c := range got.Credits {
				l.Credits = append(l.Credits, event.LedgerMoney{RecordID: event.RecordID{ID: fmt.Sprint(n, "-", i)}, Key: g.refund.Refund, Bill: c.Bill.ID, Lines: c.Taken()})
			}
			again := copied(s.bills)
			TakeBooked(again, g.lines, l, g.refund.Refund)
			same, err := SharesOf(g.refund, g.order, g.lines, again)
			if diff := cmp.Diff(toldPieces(got), toldPieces(same)); diff != "" || err != nil {
				t.Errorf("taken up again: %v\n%s", err, diff)
			}
		}
	})
}

// beyond tells whether a refund is of more money than the bills hold, and of no piece that nobody has billed.
func beyond(l event.CreditLine, bills []Billed) bool {
	pieces, cash := money.Int(0), inCents(int64(len(bills)))
	for _, line := range holders(bills, "1") {
		pieces, cash = pieces.Add(line.Quantity), cash.Add(larger(line.Amount, money.Zero))
	}
	return l.Quantity.Cmp(pieces) <= 0 && l.Amount.Cmp(cash) > 0
}

func checkPieces(t *rapid.T, g generated, s Shares, bills []Billed) {
	sum, total, given := event.CreditLine{}, s.Unbilled, map[string]event.CreditLine{}
	for _, c := range s.Credits {
		total = total.Add(c.Refund.Amount)
		for _, l := range c.Refund.Lines {
			given[c.Bill.ID], sum.Amount, sum.Tax = l, sum.Amount.Add(l.Amount), sum.Tax.Add(l.Tax)
		}
	}
	if !total.Equal(g.refund.Amount) || !sum.Amount.Add(sum.Tax).Add(s.Unbilled).Equal(total) {
		t.Errorf("%s and %s of %s go back", sum.Amount.Add(sum.Tax), s.Unbilled, g.refund.Amount)
	}
	left, over, room := g.refund.Lines[0].Quantity, money.Zero, money.Zero
	for _, b := range bills {
		line, l := b.Lines["1"], given[b.ID]
		if pieces := fewest(left, line.Quantity); !pieces.Equal(l.Quantity) {
			t.Errorf("bill %s gives %s pieces back, want %s", b.ID, l.Quantity, pieces)
		}
		left = left.Sub(l.Quantity)
		rest := larger(line.Amount, money.Zero).Sub(l.Amount)
		over, room = over.Add(larger(rest.Neg(), money.Zero)), room.Add(larger(rest, money.Zero))
	}
	if len(bills) > 1 && over.Sign() > 0 && (room.Sign() > 0 || over.Cmp(inCents(int64(len(bills)))) > 0) {
		t.Errorf("the bills are credited with %s more than they hold, and %s are left", over, room)
	}
}
