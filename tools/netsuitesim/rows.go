package netsuitesim

import (
	"encoding/json"
	"hash/fnv"
	"strings"
	"time"
)

// row is one row of a SuiteQL table, by column.
type row struct {
	table  string
	values map[string]any
}

// rowsOf are the rows that a record fills.
func (t *tx) rowsOf(r *record) []row {
	switch {
	case r.kind.group == transactions:
		return t.transactionRows(r)
	case r.kind.name == "customer":
		return []row{{"customer", t.plainRow(r)}}
	case r.kind.group == items:
		return t.itemRows(r)
	}
	return []row{{strings.ToLower(r.kind.name), t.plainRow(r)}}
}

// plainRow shows every property under its lower-case name.
func (t *tx) plainRow(r *record) map[string]any {
	v := map[string]any{"id": r.id}
	t.spread(v, r.fields)
	if r.kind.title == "name" || v["name"] == nil {
		v["name"] = r.name()
	}
	for _, flag := range []string{"isinactive", "isperson", "iselimination", "isbasecurrency"} {
		v[flag] = yesNo(v[flag] == "T")
	}
	v["fullname"] = or(r.fields.text("fullName"), r.name())
	v["accountsearchdisplayname"] = strings.TrimSpace(r.fields.text("acctNumber") + " " + r.name())
	v["altname"] = or(r.fields.text("companyName"), strings.TrimSpace(r.fields.text("firstName")+" "+r.fields.text("lastName")))
	return v
}

// spread lays plain values and references over a row.
func (t *tx) spread(v map[string]any, f fields) {
	for name, value := range f {
		column := strings.ToLower(name)
		switch value := value.(type) {
		case string:
			v[column] = value
			if at, err := time.Parse(time.RFC3339, value); err == nil && strings.Contains(column, "date") {
				v[column] = at.In(t.switches().QueryZone).Format(stampLayout)
			} else if day, err := time.Parse(time.DateOnly, value); err == nil && (column == "trandate" || column == "expectedshipdate") {
				v[column] = day.Format(stampLayout)
			}
		case bool:
			v[column] = yesNo(value)
		case json.Number:
			v[column] = value.String()
		case fields:
			if id := value.text("id"); id != "" {
				v[column] = id
				v[column+"__df"] = value.text("refName")
			}
		}
	}
}

func yesNo(b bool) string {
	if b {
		return "T"
	}
	return "F"
}

func (t *tx) itemRows(r *record) []row {
	v := t.plainRow(r)
	v["itemtype"] = r.kind.code
	rows := append([]row{{"item", v}}, t.priceRows(r)...)
	if r.kind.name == "shipItem" {
		rows = append(rows, row{"shipitem", t.plainRow(r)})
	}
	onHand, ok := r.fields.number("quantityOnHand")
	if !ok {
		return rows
	}
	for _, l := range t.of(t.kind("location")) {
		row := row{"aggregateitemlocation", map[string]any{
			"item": r.id, "location": l.id, "quantityonhand": onHand.String(), "quantityavailable": onHand.String(),
			"quantitycommitted": "0", "quantitybackordered": "0", "quantityonorder": "0",
			"lastquantityavailablechange": v["lastmodifieddate"], "item__df": r.name(), "location__df": l.name(),
		}}
		if counted := r.fields.sub(stockField).sub(decimalID(l.id)); counted != nil {
			for column := range counted {
				if column != "notforsale" {
					row.values[column] = counted.text(column)
				}
			}
			at, _ := time.Parse(time.RFC3339, counted.text("lastquantityavailablechange")) // written by onto
			row.values["lastquantityavailablechange"] = at.In(t.switches().QueryZone).Format(stampLayout)
		}
		rows = append(rows, row)
	}
	return rows
}

func (t *tx) transactionRows(r *record) []row {
	f := r.fields
	v := map[string]any{}
	t.spread(v, f)
	v["id"], v["type"], v["type__df"], v["recordtype"] = r.id, r.kind.code, r.kind.label, strings.ToLower(r.kind.name)
	if letter := t.statusLetter(r); letter != "" {
		v["status"], v["status__cf"] = letter, r.kind.code+":"+letter
		v["status__df"] = r.kind.label + " : " + f.sub("status").text("refName")
	}
	if total, ok := f.number("total"); ok && t.switches().LedgerSigns && credits[r.kind.name] {
		v["total"] = total.Neg().String()
	}
	v["foreigntotal"], v["shipcost"], v["voided"], v["posting"] = v["total"], v["shippingcost"], "F", yesNo(r.kind.posting)
	v["foreignamountpaid"], v["foreignamountunpaid"] = v["amountpaid"], v["amountremaining"]
	if customer := f.sub("customer"); customer != nil {
		v["entity"], v["entity__df"] = customer.text("id"), customer.text("refName")
	}
	return append([]row{{"transaction", v}}, t.lineRows(r, v)...)
}

// credits are the types whose amounts the ledger holds with the other sign.
var credits = map[string]bool{"creditMemo": true, "cashRefund": true, "returnAuthorization": true, "customerRefund": true}

// statusLetter is the status as SuiteQL spells it.
func (t *tx) statusLetter(r *record) string {
	letter := r.fields.ref("status")
	if r.kind.name == "itemFulfillment" && t.switches().SwappedShipLetters {
		return map[string]string{"A": "C", "B": "B", "C": "A"}[letter]
	}
	return letter
}

// lineRows are the main line, the item lines, the tax line, and what a
// fulfilment or invoice links to.
func (t *tx) lineRows(r *record, head map[string]any) []row {
	rows := []row{{"transactionline", t.line(r, map[string]any{
		"id": int64(0), "linesequencenumber": int64(0), "mainline": "T", "taxline": "F", "isclosed": "F",
		"foreignamount": head["total"], "netamount": head["total"],
	})}}
	for i, line := range r.fields.lines("item") {
		rows = append(rows, row{"transactionline", t.itemLine(r, line, i)})
	}
	rows = append(rows, t.linkRows(r)...)
	rows = append(rows, t.sumLines(r)...)
	return append(rows, trackingRows(r)...)
}

// line completes a line with what all lines of a transaction share.
func (t *tx) line(r *record, v map[string]any) map[string]any {
	v["transaction"], v["iscogs"] = r.id, "F"
	v["subsidiary"], v["subsidiary__df"] = r.fields.ref("subsidiary"), r.fields.sub("subsidiary").text("refName")
	payer := r.fields.sub("entity")
	if payer == nil {
		payer = r.fields.sub("customer")
	}
	v["entity"], v["entity__df"] = payer.text("id"), payer.text("refName")
	for _, name := range []string{"salesOrder", "createdFrom"} {
		if from := r.fields.sub(name); from != nil {
			v["createdfrom"], v["createdfrom__df"] = from.text("id"), from.text("refName")
		}
	}
	if at, err := time.Parse(time.RFC3339, r.fields.text("lastModifiedDate")); err == nil {
		v["lastmodifieddate"], v["linelastmodifieddate"] = at.In(t.switches().QueryZone).Format(stampLayout), at.In(t.switches().QueryZone).Format(stampLayout)
	}
	return v
}

func (t *tx) itemLine(r *record, line fields, i int) map[string]any {
	v := map[string]any{}
	t.spread(v, line)
	number := line.integer("line")
	if number == 0 {
		number = int64(i + 1)
	}
	v["id"], v["linesequencenumber"], v["mainline"], v["taxline"] = number, number, "F", "F"
	v["uniquekey"], v["memo"], v["isclosed"] = line.text("lineUniqueKey"), line.text("description"), yesNo(line.flag("isClosed"))
	v["quantityshiprecv"] = line.amount("quantityFulfilled").Add(line.amount("quantityReceived")).String()
	v["isfullyshipped"] = yesNo(shippable(line) && line.amount("quantityFulfilled").GreaterThanOrEqual(line.amount("quantity")))
	sign := 1
	if t.switches().LedgerSigns && !credits[r.kind.name] {
		sign = -1
	}
	for column, name := range map[string]string{"quantity": "quantity", "foreignamount": "amount", "netamount": "amount"} {
		if d, ok := line.number(name); ok {
			if sign < 0 {
				d = d.Neg()
			}
			v[column] = d.String()
		}
	}
	return t.line(r, v)
}

// sumLines are the tax line and, where the account shows it, the shipping line.
func (t *tx) sumLines(r *record) []row {
	var rows []row
	next := int64(0)
	for _, line := range r.fields.lines("item") {
		next = max(next, line.integer("line"))
	}
	add := func(name, itemType, tax string) {
		if d, ok := r.fields.number(name); ok && !d.IsZero() {
			next++
			rows = append(rows, row{"transactionline", t.line(r, map[string]any{
				"id": next, "linesequencenumber": next, "mainline": "F", "taxline": tax, "itemtype": itemType, "isclosed": "F",
				"foreignamount": d.String(), "netamount": d.String(),
			})})
		}
	}
	if t.switches().ShippingLines {
		add("shippingCost", "ShipItem", "F")
	}
	add("taxTotal", "TaxItem", "T")
	return rows
}

// trackingRows are the tracking numbers of a fulfilment's packages.
func trackingRows(r *record) []row {
	var rows []row
	for _, pack := range r.fields.lines("package") {
		number := pack.text("packageTrackingNumber")
		if number == "" {
			continue
		}
		// The id is a pure function of owner and number: rows can be rebuilt.
		h := fnv.New32a()
		_, _ = h.Write([]byte(decimalID(r.id) + number))
		id := int64(h.Sum32())
		rows = append(rows, row{"trackingnumber", map[string]any{"id": id, "trackingnumber": number}},
			row{"trackingnumbermap", map[string]any{"transaction": r.id, "trackingnumber": id}})
	}
	return rows
}
