"""What a certificate says that it is for, held against the policy (RFC 5280 4.2.1)."""

from cryptography import x509

from services.signing.validation.extensions import extension, is_authority
from services.signing.validation.policy import Certificate


def allows(certificate: x509.Certificate, rule: Certificate) -> bool:
    """Say whether a certificate may be used as a rule of the policy wants."""
    return (
        not is_authority(certificate)  # EN 319 412-2 4.3.2: none of its settings has keyCertSign
        and _has_usage(certificate, rule)
        and _has_purpose(certificate, rule)
        and _named(certificate, rule)
    )


def _has_usage(certificate: x509.Certificate, rule: Certificate) -> bool:
    usage = extension(certificate.extensions, x509.KeyUsage)
    if usage is None:
        return False
    set_bits = {
        "digital_signature": usage.digital_signature,
        "content_commitment": usage.content_commitment,
    }
    return any(set_bits[name] for name in rule.key_usage)


def _has_purpose(certificate: x509.Certificate, rule: Certificate) -> bool:
    purposes = extension(certificate.extensions, x509.ExtendedKeyUsage)
    if purposes is None:
        return not rule.only
    named = {one.dotted_string for one in purposes}
    wanted = set(rule.extended_key_usage)
    if not rule.only:
        return bool(named & wanted)
    critical = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).critical
    return critical and named <= wanted


def _named(certificate: x509.Certificate, rule: Certificate) -> bool:
    if not rule.certificate_policies:
        return True
    policies = extension(certificate.extensions, x509.CertificatePolicies)
    named = {one.policy_identifier.dotted_string for one in policies or ()}
    return bool(named & set(rule.certificate_policies))
