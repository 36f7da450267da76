"""What the audit reads of dispatches, verdicts and signatures: sorted streams, never a write."""

from infra.audit.store import Query
from services.docs.frozen import COPY, DISPATCH, DOCUMENT, FILE


def _columns(of: str, names: list[str]) -> str:
    return ", ".join(f"{of}.{name}" for name in names)


DISPATCHES: dict[str, Query] = {
    "dispatch": (
        "docs",
        f"""select d.id as dispatch, {_columns("d", DISPATCH)}, d.state, d.reason, d.verdict,
            d.verdict_at, d.cleared_at from dispatches as d order by d.id""",  # noqa: S608
    ),
    "document": (
        "docs",
        f"""select p.id as dispatch, {_columns("o", DOCUMENT)}, o.state, o.code
        from dispatches as p join documents as o on o.id = p.document_id
        order by p.id""",  # noqa: S608
    ),
    "file": (
        "docs",
        f"""select p.id as dispatch, {_columns("f", FILE)}
        from dispatches as p join attachments as f on f.document_id = p.document_id
        order by p.id, f.position""",  # noqa: S608
    ),
    "copy": (
        "docs",
        f"""select c.dispatch_id as dispatch, {_columns("c", COPY)}, c.sequence, c.reason,
            c.successors, c.cleared_at
        from deliveries as c order by c.dispatch_id, c.recipient_id""",  # noqa: S608
    ),
    "change": (
        "docs",
        """select dispatch_id as dispatch, document_id as document, sender_id as sender, change,
            reason, recipient_id as recipient, successors, at
        from dispatch_changes order by dispatch_id, at""",
    ),
    "docs_verdict": (
        "docs",
        """select dispatch_id as dispatch, sha256, judgement, indication, reason, judged_at,
            evidence_sha256,
            case when told_at is null then reason else told_reason end as told_reason
        from verdicts order by dispatch_id, sha256, judgement""",
    ),
    "docs_withdrawal": (
        "docs",
        """select dispatch_id as dispatch, judgement, reason from withdrawals
        order by dispatch_id""",
    ),
    "news": (
        "notify",
        """select subject as dispatch, agency_id as listener, detail from (
            select subject, agency_id, detail from events where type = 'dispatch.changed'
            union all select subject, agency_id, detail from events_unnumbered
            where type = 'dispatch.changed') as told order by subject""",
    ),
    "examination": (
        "signing",
        """select dispatch_id as dispatch, sha256, document_id as document, document_code,
            sender_id as sender, lane, role, size, judgement, indication, reason, judged_at,
            evidence_sha256, settled, frozen, signature_sha256
        from examinations order by dispatch_id, sha256""",
    ),
    "verdict": (
        "signing",
        """select v.dispatch_id as dispatch, v.sha256, v.judgement, v.sender_id as sender,
            v.indication, v.reason, v.judged_at, v.evidence, v.evidence_sha256,
            array(select c.certificate from verdict_certificates as c
                where c.dispatch_id = v.dispatch_id and c.sha256 = v.sha256
                    and c.judgement = v.judgement order by 1) as certificates,
            array(select c.proved_at from verdict_certificates as c
                where c.dispatch_id = v.dispatch_id and c.sha256 = v.sha256
                    and c.judgement = v.judgement order by c.certificate) as proved,
            array(select array_to_string(c.proved_by, ' ') from verdict_certificates as c
                where c.dispatch_id = v.dispatch_id and c.sha256 = v.sha256
                    and c.judgement = v.judgement order by c.certificate) as proved_by,
            (select e.signature_sha256 from examinations as e
                where e.dispatch_id = v.dispatch_id and e.sha256 = v.sha256) as signature
        from verdicts as v order by v.dispatch_id, v.sha256, v.judgement""",
    ),
    "resting": (
        "signing",
        """select dispatch_id as dispatch, sha256, judgement, certificate
        from verdict_certificates order by dispatch_id, certificate""",
    ),
    "withdrawal": (
        "signing",
        """select w.dispatch_id as dispatch, w.document_id as document, w.sender_id as sender,
            w.judgement, w.certificate, w.reason, c.state
        from withdrawals as w left join certificates as c on c.sha256 = w.certificate
        order by w.dispatch_id""",
    ),
}
"""By dispatch."""

SIGNATURES: dict[str, Query] = {
    "docs": (
        "docs",
        """select id as signature, document_id as document, attachment_id as attachment,
            sender_id as agency, kind, certificate, source_sha256, source_size, state, reason,
            signed_sha256, signed_size, signed_at
        from signatures order by id""",
    ),
    "signing": (
        "signing",
        """select id as signature, document_id as document, document_code, attachment_id as
            attachment, agency_id as agency, kind, role, certificate, source_sha256, source_size,
            state, reason, signed_sha256, signed_size, signed_at, uses
        from signatures order by id""",
    ),
    "draft": (
        "docs",
        """select s.id as signature, d.code, f.role from signatures as s
        left join documents as d on d.id = s.document_id
        left join attachments as f on f.id = s.attachment_id order by s.id""",
    ),
    "intent": (
        "signing",
        """select signature_id as signature, prepared_sha256, gap_start, gap_end, attributes,
            signing_time
        from signature_intents order by signature_id""",
    ),
    "use": (
        "signing",
        """select u.signature_id as signature, u.outcome, u.certificate, u.person, u.agency_id as
            agency, u.sha256, c.person as registered
        from key_uses as u left join certificates as c on c.sha256 = u.certificate
        order by u.signature_id, u.id""",
    ),
}
"""By signature."""

CHANGES: dict[str, Query] = {
    "change": (
        "signing",
        """select t.version, to_jsonb(t) as content from trust_changes as t
        where t.state = 'approved' order by t.version""",
    ),
}
"""By version of the trust list."""

CERTIFICATES: dict[str, Query] = {
    "certificate": (
        "signing",
        """select c.sha256, c.der, c.serial, c.issuer, c.kind, c.agency_code, c.agency_id, c.person,
            c.not_before, c.not_after, c.state, c.reason, c.revoked_at, c.changed_in, c.retired,
            (
                select a.change ->> 'certificate' from trust_changes as a
                where a.state = 'approved' and a.change ->> 'action' = 'add'
                    and a.change ->> 'name' = c.issuer order by a.version limit 1
            ) as issued_by,
            exists (
                select from trust_changes as e join trust_changes as a
                    on a.state = 'approved' and a.change ->> 'action' = 'add'
                    and a.change ->> 'name' = e.change ->> 'name'
                where e.state = 'approved' and e.change ->> 'action' = 'end'
                    and (
                        a.certificate ->> 'sha256' = c.sha256
                        or (a.certificate is null and c.kind = 'authority')
                    )
            ) as ended
        from certificates as c order by c.sha256 collate "C" """,
    ),
}
"""By digest."""

MATERIALS: dict[str, Query] = {
    "piece": (
        "signing",
        """select sha256, kind, content from materials order by sha256 collate "C" """,
    ),
}
"""By digest."""

LISTS = """select distinct on (a.name) a.name as authority, l.der,
    max(l.number) over (partition by a.name) as number
from authorities as a
join authorities as b on b.name = a.name or b.key = a.key
cross join lateral (
    select r.der, r.number, r.this_update from revocation_lists as r
    where r.authority = b.name order by r.number desc limit 1
) as l
order by a.name, l.this_update desc, l.number desc, b.name"""
"""A renewed authority has several names and one key: the newest list under any of them counts."""

UNFOLLOWED = """select count(distinct (v.dispatch_id, v.sha256)) from verdict_certificates as v
where v.proved_by <> '{}' and not v.proved_by <@ (
    select coalesce(array_agg(c.sha256), '{}') from certificates as c
    where c.kind in ('authority', 'timestamp'))"""
"""Verdicts of before time-stamping units were registered: the revocation of theirs is not heard."""

FILES: dict[str, Query] = {
    "attachment": (
        "docs",
        """select sha256, size, blocks, id from attachments where stored_at is not null
        order by sha256 collate "C", id""",
    ),
    "seal": (
        "docs",
        """select signature_sha256 as sha256 from attachments where signature_sha256 is not null
        order by signature_sha256 collate "C" """,
    ),
    "prepared": (
        "signing",
        """select prepared_sha256 as sha256 from signature_intents
        order by prepared_sha256 collate "C" """,
    ),
    "signed": (
        "signing",
        """select signed_sha256 as sha256, signed_size as size from signatures
        where signed_sha256 is not null order by signed_sha256 collate "C" """,
    ),
    "source": (
        "signing",
        """select source_sha256 as sha256, source_size as size from signatures
        order by source_sha256 collate "C" """,
    ),
}
"""By digest of the whole file."""
